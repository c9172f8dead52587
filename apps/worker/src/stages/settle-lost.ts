import { jobError } from '@genqueue/contract'
import type { JobRecord, RecordIn } from '@genqueue/jobs'
import { done, type StageOutcome, snooze } from './outcome.ts'
import type { SubmitDeps } from './submit-deps.ts'

/** A create whose worker vanished is given this much longer than its own timeout to answer after all. */
const LATE_ANSWER_MS = 5_000
const MAX_UNKNOWN_RESUBMITS = 1
/** What lost one answer may lose the next: a vendor that sheds load is given a moment. */
const RESUBMIT_DELAY_MS = 5_000

/** A create was sent, or was about to be, by somebody who did not come back (or has not yet). */
export async function settleLost(
  job: RecordIn<'submitting'> | RecordIn<'ambiguous'>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submitTimeoutMs, now, log } = deps
  if (job.status === 'submitting') {
    const marked = await jobs.markAmbiguous(job, job.fence)
    if (!marked.done) return snooze(1, 'settled meanwhile')
  }
  const waitMs = (job.times.submitting ?? 0) + submitTimeoutMs + LATE_ANSWER_MS - now()
  if (waitMs > 0) return snooze(waitMs, 'ambiguous')
  log.error({ jobId: job.id, fence: job.fence }, 'submission outcome unknown')
  return resolveUnknown(job, job.fence, deps)
}

/** The vendor offers no way to ask: fail rather than pay twice, unless the caller chose otherwise, and then once. */
export async function resolveUnknown(
  job: JobRecord,
  fence: number,
  { jobs, now, speed, meter }: SubmitDeps,
): Promise<StageOutcome> {
  if (job.request.onSubmissionUnknown === 'resubmit' && job.unknownSubmits < MAX_UNKNOWN_RESUBMITS) {
    const delayMs = RESUBMIT_DELAY_MS / speed
    const waiting = { reason: 'submission_unknown', untilMs: now() + delayMs }
    const released = await jobs.release(job, fence, { waiting, sleepMs: delayMs, isUnknown: true })
    if (released.done) {
      meter?.count('submit_ambiguous_total', { provider: job.provider, resolution: 'resubmitted' })
      return snooze(delayMs, 'resubmit')
    }
    // Canceled meanwhile: not sent again, but what was sent may be charged, and that is what the job says.
    if (released.found !== 'cancel') return done('settled meanwhile')
  }
  const ended = await jobs.end(job, { status: 'failed', error: jobError('submission_unknown'), outputs: [] }, { fence })
  if (ended.done) meter?.count('submit_ambiguous_total', { provider: job.provider, resolution: 'failed' })
  return done('submission_unknown')
}
