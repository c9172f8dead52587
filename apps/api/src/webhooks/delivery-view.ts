import type { AttemptResource, DeliveryDetail, DeliveryResource } from '@genqueue/contract'
import type { Delivery, DeliveryAttempt } from '@genqueue/jobs'
import { unixSeconds } from '../patched.ts'

export function deliveryResource(delivery: Delivery): DeliveryResource {
  const { id, jobId, endpointId, url, type, status, attempts, createdAtMs, endedAtMs, nextAtMs, log } = delivery
  const last = log.at(-1)
  return {
    id,
    object: 'delivery',
    job_id: jobId,
    webhook_endpoint_id: endpointId ?? null,
    url: url ?? null,
    event_type: type,
    status,
    attempts,
    created_at: Math.floor(createdAtMs / 1000),
    ended_at: unixSeconds(endedAtMs),
    next_attempt_at: iso(nextAtMs),
    last_attempt: last ? attemptResource(last) : null,
  }
}

export function deliveryDetail(delivery: Delivery): DeliveryDetail {
  return { ...deliveryResource(delivery), log: delivery.log.map(attemptResource) }
}

function attemptResource({ atMs, durationMs, status, error, answer, nextAtMs }: DeliveryAttempt): AttemptResource {
  return {
    at: new Date(atMs).toISOString(),
    duration_ms: durationMs,
    status_code: status ?? null,
    error: error ?? null,
    answer: answer ?? null,
    next_attempt_at: iso(nextAtMs),
  }
}

function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
