import { JOB_ERRORS, type Video } from '@genqueue/contract'
import { endedAtMs, type JobRecord, outputResource, outputsOf, progressOf } from '@genqueue/jobs'

/** What a task says while the vendor has not begun; `ACCEPTED` is ours, from the create to the first look. */
const NOT_BEGUN = new Set(['PENDING', 'THROTTLED', 'ACCEPTED'])

/** A job in the words of OpenAI's video API, which knows four statuses and no cancellation. */
export function videoView(job: JobRecord, publicUrl: string): Video {
  const endedMs = endedAtMs(job)
  const { display, metadata, retentionMs } = job.request
  return {
    id: job.id,
    object: 'video',
    model: `${job.provider}/${job.model ?? job.operation}`,
    status: videoStatus(job),
    progress: progressOf(job),
    created_at: Math.floor((job.times.queued ?? 0) / 1000),
    completed_at: endedMs === undefined ? null : Math.floor(endedMs / 1000),
    expires_at: endedMs === undefined ? null : Math.floor((endedMs + retentionMs) / 1000),
    prompt: display.prompt ?? null,
    size: display.size ?? null,
    seconds: display.seconds ?? null,
    remixed_from_video_id: null,
    error: errorOf(job),
    provider: job.provider,
    upstream_status: 'upstreamStatus' in job ? (job.upstreamStatus ?? null) : null,
    outputs: outputsOf(job).map((output) => outputResource(job.id, output, publicUrl)),
    metadata,
  }
}

export function videoStatus(job: JobRecord): Video['status'] {
  switch (job.status) {
    case 'queued':
    case 'submitting':
    case 'ambiguous':
      return 'queued'
    case 'submitted':
      return NOT_BEGUN.has(job.upstreamStatus.toUpperCase()) ? 'queued' : 'in_progress'
    case 'generated':
      return 'in_progress'
    case 'succeeded':
      return 'completed'
    case 'failed':
    case 'canceled':
      return 'failed'
  }
}

function errorOf(job: JobRecord): Video['error'] {
  if (job.status === 'canceled') {
    const { message, retryable } = JOB_ERRORS.canceled
    return { code: 'canceled', message, provider_code: null, provider_message: null, retryable }
  }
  if (job.status !== 'failed') return null
  const { code, message, providerCode, providerMessage, retryable } = job.error
  return { code, message, provider_code: providerCode ?? null, provider_message: providerMessage ?? null, retryable }
}
