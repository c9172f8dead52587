import type { JobOptions } from '@genqueue/contract'

/** What belongs to the job, and what is the vendor's. */
export function splitOptions<Request extends JobOptions>(request: Request): { options: JobOptions; work: Request } {
  const {
    webhook_url,
    webhook_events,
    metadata,
    priority,
    delay_seconds,
    deadlines,
    retention_seconds,
    on_submission_unknown,
    ...work
  } = request
  const options: JobOptions = {
    webhook_url,
    webhook_events,
    metadata,
    priority,
    delay_seconds,
    deadlines,
    retention_seconds,
    on_submission_unknown,
  }
  return { options, work: work as typeof work & Request } // what was taken out is optional
}
