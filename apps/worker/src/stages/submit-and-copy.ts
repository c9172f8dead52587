import type { JobRecord, Jobs } from '@genqueue/jobs'
import type { StageOutcome } from './outcome.ts'

/**
 * Submits a job for whose end somebody waits and, where the answer brought the result, copies it at once. The message
 * that carried the create carries the copy until it has ended: if this process dies it comes back and finds `generated`.
 */
export async function submitAndCopy(
  job: JobRecord,
  deps: {
    jobs: Jobs
    submit: (job: JobRecord) => Promise<StageOutcome>
    copy: (job: JobRecord) => Promise<StageOutcome>
  },
): Promise<StageOutcome> {
  const { jobs, submit, copy } = deps
  if (job.status === 'generated') return copy(job)
  const outcome = await submit(job)
  if (outcome.kind === 'snooze') return outcome
  const current = await jobs.get(job.id)
  return current?.status === 'generated' ? copy(current) : outcome
}
