import { type JobOptions, ProblemError, subscribedTypes } from '@genqueue/contract'
import type { JobRequest, StoredInput } from '@genqueue/jobs'
import type { ApiConfig } from '../config.ts'

/** What a job keeps of its request: the vendor's body, what is shown of it, and the caller's options over our defaults. */
export function jobRequest(
  options: JobOptions,
  work: {
    body: JobRequest['body']
    display: JobRequest['display']
    inputs: readonly StoredInput[]
    waits?: boolean
    results?: number | undefined
  },
  defaults: ApiConfig['jobDefaults'],
  nowMs: number,
): JobRequest {
  const {
    webhook_url,
    webhook_events,
    metadata,
    priority,
    delay_seconds,
    deadlines,
    retention_seconds,
    on_submission_unknown,
  } = options
  if (webhook_events && webhook_url === undefined) {
    const param = 'webhook_url'
    throw new ProblemError('missing_parameter', 'webhook_url is missing: webhook_events says what it is told', {
      param,
    })
  }
  return {
    body: work.body,
    display: work.display,
    inputs: [...work.inputs],
    metadata: metadata ?? {},
    onSubmissionUnknown: on_submission_unknown ?? defaults.onSubmissionUnknown,
    deadlines: deadlines
      ? {
          queueMs: deadlines.queue_seconds ? deadlines.queue_seconds * 1000 : defaults.deadlines.queueMs,
          throttledMs: deadlines.throttled_seconds
            ? deadlines.throttled_seconds * 1000
            : defaults.deadlines.throttledMs,
          runningMs: deadlines.running_seconds ? deadlines.running_seconds * 1000 : defaults.deadlines.runningMs,
        }
      : defaults.deadlines,
    retentionMs: retention_seconds ? retention_seconds * 1000 : defaults.retentionMs,
    ...(work.waits && { waits: true }),
    ...(work.results !== undefined && { results: work.results }),
    ...(webhook_url !== undefined && { webhookUrl: webhook_url }),
    ...(webhook_events && { webhookEvents: subscribedTypes(webhook_events) }),
    ...(priority !== undefined && { priority }),
    ...(delay_seconds && { notBeforeMs: nowMs + delay_seconds * 1000 }),
  }
}

/** How many results a vendor's own body asks for, where it names a number. */
export function resultsOf({ numberResults, promptVersions }: JobRequest['body']): number | undefined {
  const count = numberResults ?? promptVersions
  return typeof count === 'number' && Number.isInteger(count) && count > 0 ? count : undefined
}
