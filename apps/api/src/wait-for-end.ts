import { setTimeout as sleep } from 'node:timers/promises'
import { isTerminal, type JobId } from '@genqueue/contract'
import type { JobRecord, Jobs } from '@genqueue/jobs'

const FIRST_LOOK_MS = 50
const SLOWEST_LOOK_MS = 500
const MAX_WAIT_SECONDS = 60
/** Each waiting request reads its job twice a second: this many cost Redis no more than a thousand reads a second. */
const MAX_WAITING = 500

/** Seconds of `Prefer: wait=N` (RFC 7240), at most 60; undefined without it, and where it makes no sense. */
export function preferredWait(prefer: string | null): number | undefined {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i.exec(prefer ?? '') ?? []
  return seconds === undefined || Number(seconds) === 0 ? undefined : Math.min(Number(seconds), MAX_WAIT_SECONDS)
}

export type WaitForEnd = (
  id: JobId,
  options: { timeoutMs: number; signals: readonly AbortSignal[] },
) => Promise<JobRecord | undefined>

/**
 * Looks at a job until it has ended, the time is over or a signal aborts, and answers with what it saw last. Undefined
 * when it saw nothing: too many are waiting, or the job is gone, or Redis is.
 */
export function createWaitForEnd(jobs: Jobs): WaitForEnd {
  let waiting = 0
  return async (id, { timeoutMs, signals }) => {
    if (waiting >= MAX_WAITING) return undefined
    waiting += 1
    const signal = AbortSignal.any([...signals, AbortSignal.timeout(timeoutMs)])
    let seen: JobRecord | undefined
    try {
      for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(SLOWEST_LOOK_MS, delayMs * 1.5)) {
        seen = await jobs.get(id)
        if (!seen || isTerminal(seen.status) || signal.aborted) return seen
        await sleep(delayMs, undefined, { signal })
      }
    } catch {
      // The job was accepted: neither the end of the wait nor Redis going away makes the answer an error.
      return seen
    } finally {
      waiting -= 1
    }
  }
}
