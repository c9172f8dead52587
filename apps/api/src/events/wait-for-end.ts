import { isTerminal, type JobId } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'
import type { JobWatches } from './job-watches.ts'

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
  readonly #watches: Pick<JobWatches, 'watch'>
  #waiting = 0

  constructor({ watches }: { watches: Pick<JobWatches, 'watch'> }) {
    this.#watches = watches
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
    const over = Promise.withResolvers<void>()
    let seen: JobRecord | undefined
    let hasLooked = false
    const stopWatching = this.#watches.watch(id, (look) => {
      hasLooked = true
      if (look !== 'gone' && look !== 'unknown') seen = look
      if (look === 'gone' || signal.aborted || (seen && isTerminal(seen.status))) over.resolve()
    })
    // Even whoever cannot wait gets the look that is under way.
    const onAbort = () => hasLooked && over.resolve()
    signal.addEventListener('abort', onAbort)
    await over.promise
    signal.removeEventListener('abort', onAbort)
    stopWatching()
    this.#waiting -= 1
    return seen
  }
}
