import type { AcceptOutcome, Jobs, NewJob } from '@genqueue/jobs'
import { jobAttributes, messageAttributes, type Tracing } from '@genqueue/tracing'

/** Accepts a job as a step that all later ones belong to, in whatever process they are made. */
export function traceAccept(
  job: NewJob & { id: string },
  jobs: Pick<Jobs, 'accept'>,
  tracing: Tracing | undefined,
): Promise<AcceptOutcome> {
  if (tracing === undefined) return jobs.accept(job)
  const attributes = {
    ...jobAttributes(job),
    ...messageAttributes('send', `${job.request.waits ? 'wait' : 'submit'}-${job.provider}`, job.id),
  }
  return tracing.step('accept job', { kind: 'producer', attributes }, async (step) => {
    const outcome = await jobs.accept({ ...job, traceparent: step.traceparent })
    step.set({ 'genqueue.outcome': outcome.kind })
    // Of a repeated request, the job is the earlier one.
    if (outcome.kind === 'replayed' || outcome.kind === 'conflict') step.set({ 'genqueue.job.id': outcome.id })
    return outcome
  })
}
