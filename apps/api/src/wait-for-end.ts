import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, type JobId } from '@genqueue/contract'
import type { JobRecord, Jobs } from '@genqueue/jobs'
import type { EndedJobs } from './ended-jobs.ts'

/** How long the word that a job has ended is trusted to come; then the record is read all the same. */
const SAFETY_LOOK_MS = 5_000
const DEAF_LOOK_MS = 500
const MAX_WAIT_SECONDS = 60
/** A waiting request costs memory only, and a read now and then. */
const MAX_WAITING = 2_000

/** Seconds of `Prefer: wait=N` (RFC 7240), at most 60; undefined without it, and where it makes no sense. */
export function preferredWait(prefer: string | null): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i.exec(prefer ?? '') ?? []
  return seconds === undefined || Number(seconds) === 0 ? undefined : Math.min(Number(seconds), MAX_WAIT_SECONDS)
}

/** Whether the caller would rather have the job than wait for it (RFC 7240). */
export function prefersAsync(prefer: string | null): boolean {
  return /(?:^|[,;\s])respond-async\s*(?:$|[,;])/i.test(prefer ?? '')
}

export type WaitOptions = { timeoutMs: number; signals: readonly AbortSignal[] }

/** The requests of this process that wait for a job. */
export class EndWaits {
  readonly #jobs: Pick<Jobs, 'get'>
  readonly #ended: Pick<EndedJobs, 'listen' | 'isHearing'>
  #waiting = 0

  constructor({ jobs, ended }: { jobs: Pick<Jobs, 'get'>; ended: Pick<EndedJobs, 'listen' | 'isHearing'> }) {
    this.#jobs = jobs
    this.#ended = ended
  }

  get isFull(): boolean {
    return this.#waiting >= MAX_WAITING
  }

  /**
   * Answers when the job has ended or is gone, the time is over or a signal aborts, with what was seen last. Undefined
   * when nothing was: too many are waiting, or Redis is away. Never rejects: the job was accepted, so neither the end of
   * the wait nor an outage makes the answer an error.
   */
  async wait(id: JobId, { timeoutMs, signals }: WaitOptions): Promise<JobRecord | undefined> {
    if (this.isFull) return undefined
    this.#waiting += 1
    const signal = AbortSignal.any([...signals, AbortSignal.timeout(timeoutMs)])
    try {
      let seen: JobRecord | undefined
      for (;;) {
        const bell = new AbortController()
        // Before the record is read, so that no end falls between.
        const stopListening = this.#ended.listen(id, () => bell.abort())
        try {
          const found = await this.#jobs.get(id).catch(() => 'unknown' as const)
          if (found === undefined) return seen
          if (found !== 'unknown') seen = found
          if ((seen && isTerminal(seen.status)) || signal.aborted) return seen
          const lookAgainMs = this.#ended.isHearing ? SAFETY_LOOK_MS : DEAF_LOOK_MS
          const stop = AbortSignal.any([signal, bell.signal])
          await sleep(lookAgainMs, undefined, { signal: stop }).catch(() => undefined)
        } finally {
          stopListening()
        }
      }
    } finally {
      this.#waiting -= 1
    }
  }
}
