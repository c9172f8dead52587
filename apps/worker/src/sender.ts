import type { DeliveryAttempt, EndpointDisabledReason, LeasedDelivery, Outbox, Sent } from '@genqueue/jobs'
import type { Meter } from '@genqueue/metrics'
import type { Destination, DestinationOf } from './destination-of.ts'
import { HostPlaces } from './host-places.ts'
import type { Log } from './log.ts'
import { planNext, type WebhookAnswer, type WebhookCall } from './stages/notify.ts'

/** Leases, and what is written back, are so far apart at least: one by one they cost three times as much. */
const BATCH_MS = 5
const MAX_LEASED = 128
/** An idle sender looks this often for what others have made due. */
const IDLE_MS = 100
const LEAST_IDLE_MS = 10
const AFTER_FAILURE_MS = 1_000
/** A lease outlives the call by this much, so that its outcome can still be written. */
const LEASE_MARGIN_MS = 2_000
/** For so long a delivery that this worker cannot send is left to others. */
const HAND_BACK_MS = 2_000
/** About so long a destination is left alone after its host had no place. */
const CROWDED_MS = 250
/** Of the time a call may take: a receiver that needs longer to take a webhook is not trusted with more of them. */
const SLOW_SHARE = 1 / 5
/** Of all sockets, those kept for receivers that took the last webhook. */
const PROVEN_SHARE = 1 / 8
const MAX_PROGRESS_ATTEMPTS = 3

/** What a sender needs of the outbox. */
export type Leases = Pick<Outbox, 'lease' | 'record'>

export type SenderDeps = {
  outbox: Leases
  destinationOf: DestinationOf
  send: (call: WebhookCall) => Promise<WebhookAnswer>
  /** Webhooks at a time. */
  concurrency: number
  /** Of them, to one host, whoever's they are. */
  maxPerHost: number
  /** Of one call, everything included. */
  timeoutMs: number
  /** Told when an endpoint has been disabled because of what it answered. */
  onDisabled: (endpoint: { team: string; endpointId: string; reason: EndpointDisabledReason }) => Promise<void>
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  meter?: Meter
  now: () => number
  random: () => number
}

/**
 * Sends webhooks when they are due. Leases what it can send now, sends, and writes back what became of it. At least
 * once: a crash in between repeats an attempt when its lease ends. Holds nothing but what is on the wire; receivers that
 * hang cost sockets of their own share, never a turn of those that answer.
 */
export class Sender {
  readonly #deps: SenderDeps
  readonly #inFlight = new Set<Promise<void>>()
  readonly #places: HostPlaces
  #suspects = 0
  #sent: Sent[] = []
  #flushing: Promise<void> | undefined
  #flushedAtMs = 0
  #stopping = false
  #isWoken = false
  #wake: () => void = () => {}
  #loop: Promise<void> | undefined

  constructor(deps: SenderDeps) {
    this.#deps = deps
    this.#places = new HostPlaces(deps.maxPerHost)
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** There may be something due now. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** Leases no more, waits for what is on the wire and writes it back. Resolves within the time one call may take. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.wake()
    await this.#loop
    await Promise.all(this.#inFlight)
    await this.#flushing
  }

  async #run(): Promise<void> {
    const { outbox, concurrency, timeoutMs, log, speed } = this.#deps
    const maxSuspects = Math.ceil(concurrency * (1 - PROVEN_SHARE))
    let leasedAtMs = 0
    while (!this.#stopping) {
      await apart(leasedAtMs)
      this.#isWoken = false
      const limit = Math.min(MAX_LEASED, concurrency - this.#inFlight.size)
      if (limit <= 0) {
        await this.#sleep(IDLE_MS)
        continue
      }
      try {
        const suspects = Math.max(0, Math.min(limit, maxSuspects - this.#suspects))
        leasedAtMs = performance.now()
        const { deliveries, nextInMs } = await outbox.lease({ limit, suspects, leaseMs: timeoutMs + LEASE_MARGIN_MS })
        for (const delivery of deliveries) this.#start(delivery)
        // A full lease means that more may be due.
        if (deliveries.length === limit) continue
        const idleMs = Math.max(LEAST_IDLE_MS, IDLE_MS / speed)
        await this.#sleep(Math.min(nextInMs ?? idleMs, idleMs))
      } catch (error) {
        log.error({ err: error }, 'leasing deliveries failed')
        await this.#sleep(AFTER_FAILURE_MS)
      }
    }
  }

  #start(delivery: LeasedDelivery): void {
    if (delivery.isSuspect) this.#suspects += 1
    const tracked = this.#attempt(delivery).finally(() => {
      this.#inFlight.delete(tracked)
      if (delivery.isSuspect) this.#suspects -= 1
    })
    this.#inFlight.add(tracked)
  }

  /** Never rejects: what goes wrong here is put right when the lease ends. */
  async #attempt(delivery: LeasedDelivery): Promise<void> {
    let isKnown = false
    try {
      const destination = await this.#deps.destinationOf(delivery)
      isKnown = true
      if (destination === 'locked') this.#write(delivery, LOCKED, this.#deps.now())
      else if (typeof destination === 'string') this.#note({ delivery, next: { status: UNSENT[destination] } })
      else if (!(await this.#places.run(destination.url, () => this.#send(delivery, destination)))) {
        const retryInMs = CROWDED_MS * (0.5 + this.#deps.random())
        this.#note({ delivery, what: 'crowded', next: { status: 'pending', retryInMs } })
      }
    } catch (error) {
      // Another worker may have what this one lacks to send it.
      if (!isKnown) this.#note({ delivery, next: { status: 'pending', retryInMs: HAND_BACK_MS } })
      this.#deps.log.error({ err: error, deliveryId: delivery.id, jobId: delivery.jobId }, 'sending a webhook failed')
    }
  }

  async #send(delivery: LeasedDelivery, { url, keys }: Exclude<Destination, string>): Promise<void> {
    const { send, now } = this.#deps
    const { id, body, attempts } = delivery
    const startedAtMs = now()
    const timestampSeconds = Math.floor(startedAtMs / 1000)
    const answer = await send({ id, url, keys, body, attempt: attempts + 1, timestampSeconds })
    this.#write(delivery, answer, startedAtMs, url)
  }

  #write(delivery: LeasedDelivery, answer: WebhookAnswer, startedAtMs: number, url?: string): void {
    const { speed, timeoutMs, log, now, random } = this.#deps
    const { id, jobId } = delivery
    const attempt = delivery.attempts + 1
    const { what, next } = planNext(answer, delivery.step + 1, random(), maxAttempts(delivery))
    const retryInMs = next.status === 'pending' ? next.retryInMs / speed : undefined
    const entry: DeliveryAttempt = {
      atMs: startedAtMs,
      durationMs: now() - startedAtMs,
      ...(answer.kind === 'answered' ? { status: answer.status } : { error: answer.error }),
      ...(retryInMs !== undefined && { nextAtMs: Math.ceil(now() + retryInMs) }),
    }
    log.info({ deliveryId: id, jobId, attempt, outcome: next.status, ...entry }, 'webhook attempted')
    this.#count(delivery, entry, next.status)
    const text = answer.kind === 'answered' ? answer.text : ''
    this.#note({
      delivery,
      attempt: {
        ...entry,
        ...(text !== '' && { answer: text }),
        ...(delivery.endpointId !== undefined && url !== undefined && { url }),
        ...(answer.signature !== undefined && { signature: answer.signature }),
      },
      ...(what && { what: what === 'taken' && entry.durationMs > timeoutMs * SLOW_SHARE ? 'slow' : what }),
      next: next.status === 'pending' ? { ...next, retryInMs: retryInMs ?? 0 } : next,
    })
  }

  #count({ attempts, step, createdAtMs }: LeasedDelivery, { status }: DeliveryAttempt, outcome: string): void {
    const { meter, now } = this.#deps
    const code_class = status === undefined ? 'none' : `${Math.floor(status / 100)}xx`
    meter?.count('webhook_attempts_total', { outcome, code_class })
    // One that was asked for again may have been made long ago.
    if (outcome !== 'delivered' || attempts !== step) return
    meter?.observe('webhook_delivery_latency_seconds', {}, Math.max(0, now() - createdAtMs) / 1000)
  }

  #note(sent: Sent): void {
    this.#sent.push(sent)
    this.#flushing ??= this.#flushSoon()
  }

  async #flushSoon(): Promise<void> {
    while (this.#sent.length > 0) {
      await apart(this.#flushedAtMs)
      this.#flushedAtMs = performance.now()
      const sent = this.#sent
      this.#sent = []
      try {
        await this.#flush(sent)
      } catch (error) {
        this.#deps.log.error({ err: error, count: sent.length }, 'writing attempts back failed')
      }
      // There is room at their destinations again.
      this.wake()
    }
    this.#flushing = undefined
  }

  async #flush(sent: readonly Sent[]): Promise<void> {
    const { outbox, onDisabled, log, meter } = this.#deps
    const written = await outbox.record(sent)
    for (const [index, outcome] of written.entries()) {
      const { team, endpointId } = sent[index]?.delivery ?? {}
      if (outcome.kind !== 'disabled' || team === undefined || endpointId === undefined) continue
      log.error({ team, endpointId, reason: outcome.reason }, 'webhook endpoint disabled')
      meter?.count('webhook_endpoints_disabled_total', { reason: outcome.reason })
      await onDisabled({ team, endpointId, reason: outcome.reason })
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping || this.#isWoken) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Resolves when the batch before, which began then, is over. */
async function apart(beganAtMs: number): Promise<void> {
  const leftMs = beganAtMs + BATCH_MS - performance.now()
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
}

/** News of progress is soon old. */
function maxAttempts({ type }: LeasedDelivery): number | undefined {
  return type.endsWith('.progress') ? MAX_PROGRESS_ATTEMPTS : undefined
}

/** It is tried again as if it had been sent: the key may come back, and until then somebody can see what is missing. */
const LOCKED: WebhookAnswer = { kind: 'unsent', error: 'secret_unavailable' }

/** What becomes of a delivery whose destination is not to be called. */
const UNSENT = { disabled: 'held', gone: 'gone' } as const
