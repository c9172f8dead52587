import {
  type JobId,
  JobKind,
  type JobResource,
  jobError,
  type OutputResource,
  type WebhookEvent,
} from '@genqueue/contract'

type SampleStatus = 'succeeded' | 'failed' | 'canceled' | 'submitted'

const STATUSES: Readonly<Record<string, SampleStatus>> = {
  completed: 'succeeded',
  failed: 'failed',
  canceled: 'canceled',
  progress: 'submitted',
}
const CONTENT_TYPES: Readonly<Record<JobKind, string>> = {
  video: 'video/mp4',
  image: 'image/png',
  audio: 'audio/mpeg',
  text: 'text/plain',
  model3d: 'model/gltf-binary',
}

/** An event like those that jobs make, about a job that never was: `metadata.test` says so. */
export function sampleEvent(
  type: WebhookEvent['type'],
  { jobId, publicUrl, nowMs }: { jobId: JobId; publicUrl: string; nowMs: number },
): WebhookEvent {
  const [kind, end = ''] = type.split('.')
  const timestamp = new Date(nowMs).toISOString()
  const id = `evt_${jobId.slice('job_'.length)}`
  const created_at = Math.floor(nowMs / 1000)
  const data = sampleJob(jobId, JobKind.parse(kind), STATUSES[end] ?? 'failed', { timestamp, created_at, publicUrl })
  return { id, object: 'event', type, sequence: 1, created_at, timestamp, data }
}

function sampleJob(
  id: JobId,
  kind: JobKind,
  status: SampleStatus,
  { timestamp, created_at, publicUrl }: { timestamp: string; created_at: number; publicUrl: string },
): JobResource {
  const isDone = status === 'succeeded'
  const isOpen = status === 'submitted'
  const { code, message, retryable } = jobError('provider_failed')
  const output: OutputResource = {
    index: 0,
    url: `${publicUrl}/v1/jobs/${id}/outputs/0`,
    bytes: 1_000_000,
    sha256: '0'.repeat(64),
    content_type: CONTENT_TYPES[kind],
  }
  return {
    id,
    object: 'job',
    status,
    stage: isOpen ? 'poll' : null,
    provider: 'runway',
    operation: 'sample',
    model: 'sample',
    kind,
    progress: isDone ? 100 : isOpen ? 50 : 0,
    upstream_status: null,
    task_id: null,
    attempts: { submits: 1, polls: 1 },
    waiting: null,
    cancel_requested: status === 'canceled',
    times: { queued: timestamp, [status]: timestamp },
    created_at,
    completed_at: isOpen ? null : created_at,
    expires_at: isOpen ? null : created_at,
    outputs: isDone ? [output] : [],
    cost: null,
    error: status === 'failed' ? { code, message, retryable, provider_code: null, provider_message: null } : null,
    failures: [],
    metadata: { test: 'true' },
  }
}
