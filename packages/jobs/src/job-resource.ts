import {
  type Cost,
  type JobError,
  type JobFailure,
  type JobResource,
  JobStatus,
  type Output,
  type OutputResource,
} from '@genqueue/contract'
import { LIFECYCLE } from './lifecycle.ts'
import type { JobRecord } from './record.ts'
import { usdOf } from './settlement.ts'

/** A record as `/v1/jobs` and webhooks show it. `publicUrl` is the address at which callers reach the API. */
export function jobResource(record: JobRecord, publicUrl: string): JobResource {
  const { status, times, waiting } = record
  const endedMs = endedAtMs(record)
  return {
    id: record.id,
    object: 'job',
    status,
    stage: LIFECYCLE[status].stage,
    provider: record.provider,
    operation: record.operation,
    model: record.model ?? null,
    kind: record.kind,
    progress: progressOf(record),
    upstream_status: 'upstreamStatus' in record ? (record.upstreamStatus ?? null) : null,
    task_id: 'taskId' in record ? (record.taskId ?? null) : null,
    attempts: { submits: record.submits, polls: 'polls' in record ? (record.polls ?? 0) : 0 },
    waiting: waiting
      ? { reason: waiting.reason, until: waiting.untilMs ? new Date(waiting.untilMs).toISOString() : null }
      : null,
    cancel_requested: record.cancelRequestedAtMs !== undefined || status === 'canceled',
    // In the order of the lifecycle: that of a hash is another one after Redis was started again.
    times: Object.fromEntries(
      JobStatus.options.flatMap((name) => {
        const ms = times[name]
        return ms === undefined ? [] : [[name, new Date(ms).toISOString()]]
      }),
    ),
    created_at: seconds(times.queued ?? 0),
    completed_at: endedMs === undefined ? null : seconds(endedMs),
    expires_at: endedMs === undefined ? null : seconds(endedMs + record.request.retentionMs),
    outputs: outputsOf(record).map((output) => outputResource(record.id, output, publicUrl)),
    cost: costOf(record),
    error: record.status === 'failed' ? failureOf(record.error) : null,
    failures: record.status === 'succeeded' ? (record.failures ?? []).map(failureOf) : [],
    metadata: record.request.metadata,
  }
}

/** Outputs that lie in the bucket; a failed job may have kept some of its batch. */
export function outputsOf(record: JobRecord): Output[] {
  return record.status === 'succeeded' || record.status === 'failed' ? record.outputs : []
}

/** The output as callers see it: served by our API, so that the URL outlives every signature. */
export function outputResource(jobId: string, output: Output, publicUrl: string): OutputResource {
  return {
    index: output.index,
    url: `${publicUrl}/v1/jobs/${jobId}/outputs/${output.index}`,
    bytes: output.bytes,
    sha256: output.sha256,
    content_type: output.contentType,
    ...(output.seed !== undefined && { seed: output.seed }),
  }
}

/** 0 to 100; only a succeeded job shows 100. */
export function progressOf(record: JobRecord): number {
  switch (record.status) {
    case 'queued':
    case 'submitting':
    case 'ambiguous':
      return 0
    case 'submitted':
      return Math.min(99, Math.floor(record.progress * 100))
    case 'generated':
      return 99
    case 'succeeded':
      return 100
    case 'failed':
    case 'canceled':
      return Math.min(99, Math.floor((record.progress ?? 0) * 100))
  }
}

export function endedAtMs(record: JobRecord): number | undefined {
  return record.times.succeeded ?? record.times.failed ?? record.times.canceled
}

function failureOf({ code, message, retryable, providerCode, providerMessage }: JobError): JobFailure {
  return {
    code,
    message,
    retryable,
    provider_code: providerCode ?? null,
    provider_message: providerMessage ?? null,
  }
}

function costOf(record: JobRecord): JobResource['cost'] {
  const final: Cost | undefined = 'cost' in record ? record.cost : undefined
  const told = final ?? record.estimatedCost
  return told ? { ...told, usd: usdOf(told, record), final: final !== undefined } : null
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
