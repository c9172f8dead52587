import type { JobId } from '@genqueue/contract'
import { GONE, type JobRecord, jobSign } from '@genqueue/jobs'
import { Rounds } from './rounds.ts'

const SWEEP_MS = 1_000
const SWEEP_SLOTS = 20
/** Redis does nothing else while it reads these. */
const MAX_SIGNS_A_READ = 500
/** When many jobs change at once, requests are not to wait behind all of their records. */
const LOOKS_AT_ONCE = 50

/** The job as it is, or that there is none, or that Redis did not say. */
export type Look = JobRecord | 'gone' | 'unknown'

type Watcher = { onLook: (look: Look) => void; sign: string | undefined }
type Watched = {
  id: JobId
  watchers: Set<Watcher>
  sign: string | undefined
  isLooking: boolean
  mustLookAgain: boolean
  leave: () => void
}

export type JobWatchesDeps = {
  get(id: JobId): Promise<JobRecord | undefined>
  /** In the order of the ids. */
  signs(ids: readonly JobId[]): Promise<readonly string[]>
  sweepMs?: number
}

/**
 * The jobs that somebody in this process waits for or follows. However many do, a job is one line in a read of many
 * signs a second, and its record is read when its sign has changed, or when it is heard to have ended.
 */
export class JobWatches {
  readonly #get: JobWatchesDeps['get']
  readonly #signs: JobWatchesDeps['signs']
  readonly #all = new Map<string, Watched>()
  readonly #rounds: Rounds<Watched>

  constructor({ get, signs, sweepMs = SWEEP_MS }: JobWatchesDeps) {
    this.#get = get
    this.#signs = signs
    const visit = (all: readonly Watched[]) => {
      for (let from = 0; from < all.length; from += MAX_SIGNS_A_READ) {
        void this.#sweep(all.slice(from, from + MAX_SIGNS_A_READ))
      }
    }
    this.#rounds = new Rounds({ periodMs: sweepMs, slots: SWEEP_SLOTS, visit })
  }

  /** How many jobs are watched. */
  get size(): number {
    return this.#all.size
  }

  /**
   * Tells how the job is once it has been looked at, and then whenever a caller would notice a change; not what the
   * watcher has seen already, whose sign is `seen`. Returns how to stop.
   */
  watch(id: JobId, onLook: (look: Look) => void, seen?: string): () => void {
    const watched = this.#all.get(id) ?? this.#begin(id, seen)
    const watcher: Watcher = { onLook, sign: seen }
    watched.watchers.add(watcher)
    // Where it is known how the job was just now, the next sweep finds what changed before it was watched.
    if (seen === undefined || seen !== watched.sign) void this.#look(watched)
    return () => {
      watched.watchers.delete(watcher)
      if (watched.watchers.size > 0 || this.#all.get(id) !== watched) return
      this.#all.delete(id)
      watched.leave()
    }
  }

  /** The job is said to have ended. */
  heard(id: string): void {
    const watched = this.#all.get(id)
    if (watched) void this.#look(watched)
  }

  #begin(id: JobId, sign: string | undefined): Watched {
    const watched: Watched = {
      id,
      watchers: new Set(),
      sign,
      isLooking: false,
      mustLookAgain: false,
      leave: () => undefined,
    }
    watched.leave = this.#rounds.add(watched)
    this.#all.set(id, watched)
    return watched
  }

  async #sweep(all: readonly Watched[]): Promise<void> {
    // While Redis is away there is nothing to tell; the next sweep comes.
    const signs = await this.#signs(all.map(({ id }) => id)).catch(() => undefined)
    const changed = signs ? all.filter(({ sign }, index) => sign !== signs[index]) : []
    for (let from = 0; from < changed.length; from += LOOKS_AT_ONCE) {
      await Promise.all(changed.slice(from, from + LOOKS_AT_ONCE).map((watched) => this.#look(watched)))
    }
  }

  /** Never two looks at once: what comes during one may be newer than what it reads, and is looked for after it. */
  async #look(watched: Watched): Promise<void> {
    watched.mustLookAgain = true
    if (watched.isLooking) return
    watched.isLooking = true
    while (watched.mustLookAgain && watched.watchers.size > 0) {
      watched.mustLookAgain = false
      const found = await this.#get(watched.id).catch(() => 'unknown' as const)
      watched.sign = found === 'unknown' ? undefined : found ? jobSign(found) : GONE
      tell(watched, found ?? 'gone')
    }
    watched.isLooking = false
  }
}

function tell({ watchers, sign }: Watched, look: Look): void {
  for (const watcher of watchers) {
    if (look === 'unknown' ? watcher.sign !== undefined : watcher.sign === sign) continue
    watcher.sign = sign
    watcher.onLook(look)
  }
}
