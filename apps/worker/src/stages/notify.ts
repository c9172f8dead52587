import type { Deliveries, DeliveryAttempt, DeliveryStatus } from '@genqueue/jobs'
import type { Log } from '../log.ts'
import { webhookRetryMs } from '../pace.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'

export type WebhookCall = { id: string; url: string; body: string; attempt: number; timestampSeconds: number }

/** How a receiver took it. `blocked` is an address that may not be called: no retry can help. */
export type WebhookAnswer =
  | { kind: 'answered'; status: number; retryAfterMs?: number | undefined }
  | { kind: 'failed'; error: string }
  | { kind: 'blocked'; error: string }

export type NotifyDeps = {
  deliveries: Deliveries
  send: (call: WebhookCall) => Promise<WebhookAnswer>
  speed: number
  log: Log
  now: () => number
  random: () => number
}

/** Statuses whose Retry-After is obeyed. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Makes one attempt of a delivery and says when the next is due. At least once: a crash in between repeats it. */
export async function notify(deliveryId: string, deps: NotifyDeps): Promise<StageOutcome> {
  const { deliveries, send, speed, log, now, random } = deps
  const delivery = await deliveries.get(deliveryId)
  if (delivery?.status !== 'pending') return done('nothing to tell')

  const startedAtMs = now()
  const attempt = delivery.attempts + 1
  const answer = await send({
    id: delivery.id,
    url: delivery.url,
    body: delivery.body,
    attempt,
    timestampSeconds: Math.floor(startedAtMs / 1000),
  })
  const entry: DeliveryAttempt = {
    atMs: startedAtMs,
    durationMs: now() - startedAtMs,
    ...(answer.kind === 'answered' ? { status: answer.status } : { error: answer.error }),
  }
  const plan = planNext(answer, attempt, random())
  const retryInMs = plan.retryInMs === undefined ? undefined : plan.retryInMs / speed
  const recorded = await deliveries.record(delivery, entry, {
    status: plan.status,
    ...(retryInMs !== undefined && { retryInMs }),
  })
  log.info({ deliveryId, jobId: delivery.jobId, attempt, outcome: plan.status, ...entry }, 'webhook attempted')
  if (!recorded || retryInMs === undefined) return done(plan.status)
  return snooze(retryInMs, plan.status)
}

function planNext(
  answer: WebhookAnswer,
  attempt: number,
  random: number,
): { status: DeliveryStatus; retryInMs?: number | undefined } {
  if (answer.kind === 'blocked') return { status: 'blocked' }
  if (answer.kind === 'answered') {
    if (answer.status >= 200 && answer.status < 300) return { status: 'delivered' }
    if (answer.status === 410) return { status: 'gone' }
  }
  const retryAfterMs = answer.kind === 'answered' && BUSY.has(answer.status) ? answer.retryAfterMs : undefined
  const retryInMs = webhookRetryMs(attempt, retryAfterMs, random)
  return retryInMs === undefined ? { status: 'exhausted' } : { status: 'pending', retryInMs }
}
