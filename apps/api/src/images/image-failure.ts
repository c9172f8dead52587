import { type JobErrorCode, jobError, PROBLEMS } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'
import { openaiType } from '../problem-reply.ts'
import { json, type Reply } from '../reply.ts'

/** What the end of a job means to somebody who waited for an image. */
const STATUSES: Readonly<Record<JobErrorCode, number>> = {
  invalid_input: 400,
  moderation: 400,
  input_unavailable: 400,
  canceled: 409,
  quota_exceeded: 429,
  provider_unavailable: 503,
  queue_timeout: 504,
  throttled_timeout: 504,
  run_timeout: 504,
  poisoned: 500,
  storage_failed: 502,
  provider_failed: 502,
  provider_lost: 502,
  provider_auth: 502,
  provider_configuration: 502,
  submission_unknown: 502,
  empty_output: 502,
  output_expired: 502,
  output_invalid: 502,
  output_too_large: 502,
  output_unavailable: 502,
}

/** The job is known by these on every answer of the image routes. */
export function jobHeaders({ id }: JobRecord): Record<string, string> {
  return { 'x-job-id': id, location: `/v1/jobs/${id}` }
}

/** A job that ended without its images. Whether to pay for another is not for an SDK to decide by itself. */
export function imageFailure(job: JobRecord): Reply {
  const error = job.status === 'failed' ? job.error : jobError('canceled')
  const { code, message, retryable, providerCode, providerMessage } = error
  const words = providerMessage === undefined ? message : `${message} The provider said: ${providerMessage}`
  return answer(STATUSES[code], job, {
    message: words,
    code,
    retryable,
    provider_code: providerCode ?? null,
    provider_message: providerMessage ?? null,
  })
}

/** The wait is over and the job goes on. */
export function imageTimeout(job: JobRecord, why: string): Reply {
  const message = `${why} The job goes on; look at it under /v1/jobs/${job.id}`
  return answer(PROBLEMS.image_timeout.status, job, { message, code: 'image_timeout', retryable: false })
}

type Told = {
  message: string
  code: string
  retryable: boolean
  provider_code?: string | null
  provider_message?: string | null
}

function answer(status: number, job: JobRecord, error: Told): Reply {
  const { message, code, ...more } = error
  return json(
    status,
    { error: { message, type: openaiType(status), param: null, code, job_id: job.id, ...more } },
    { ...jobHeaders(job), 'x-should-retry': 'false' },
  )
}
