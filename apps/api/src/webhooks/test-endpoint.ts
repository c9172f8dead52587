import type { EndpointRecord } from '@genqueue/accounts'
import { ProblemError, type WebhookEndpointTest, type WebhookEvent } from '@genqueue/contract'
import { type Delivery, newJobId, tellOnce } from '@genqueue/jobs'
import type { AppDeps } from '../app-deps.ts'
import type { Caller } from '../route.ts'
import { sampleEvent } from './sample-event.ts'

/** What a worker gives a receiver, and a moment to write down what became of it. */
const WAIT_MS = 17_000
const LOOK_EVERY_MS = 200

/** Has a worker send one event to the endpoint, and answers with what came of it. It is not tried again. */
export async function testEndpoint(
  { id, status }: EndpointRecord,
  type: WebhookEvent['type'],
  { team }: Caller,
  deps: AppDeps,
  signal: AbortSignal,
): Promise<WebhookEndpointTest> {
  if (status === 'disabled') {
    throw new ProblemError('endpoint_disabled', 'Enable the endpoint first: nothing is sent to one that is disabled')
  }
  const { redis, keys, publicUrl, closing, now = Date.now } = deps
  const nowMs = now()
  const jobId = newJobId(nowMs)
  const deliveryId = `msg_${jobId.slice('job_'.length)}_${id.slice('we_'.length)}`
  const body = JSON.stringify(sampleEvent(type, { jobId, publicUrl, nowMs }))
  await tellOnce({ redis, keys }, { id: deliveryId, team, endpointId: id, jobId, type, body })
  const delivery = await attempted(deliveryId, deps, AbortSignal.any([signal, closing]))
  const attempt = delivery?.log.at(-1)
  return {
    object: 'webhook_endpoint.test',
    webhook_endpoint_id: id,
    event_type: type,
    success: attempt?.status !== undefined,
    status_code: attempt?.status ?? null,
    error: attempt?.status === undefined ? (attempt?.error ?? 'not_attempted') : null,
    delivery_id: deliveryId,
  }
}

/** The delivery once it has been attempted or needs to be no more, or as it is when the time is over. */
async function attempted(id: string, { outbox }: AppDeps, signal: AbortSignal): Promise<Delivery | undefined> {
  const endMs = performance.now() + WAIT_MS
  for (;;) {
    const delivery = await outbox.get(id)
    const isOver = delivery?.status !== 'pending' || performance.now() >= endMs
    if (isOver || signal.aborted) return delivery
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, LOOK_EVERY_MS)
      signal.addEventListener('abort', done)
    })
  }
}
