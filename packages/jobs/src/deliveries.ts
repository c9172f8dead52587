import type { Redis } from 'ioredis'
import { type Delivery, type DeliveryAttempt, type DeliveryStatus, decodeDelivery } from './delivery.ts'
import type { Keys } from './keys.ts'
import { loadScript } from './script.ts'

const recordAttempt = loadScript('record-attempt')

const KEEP_MS = 30 * 86_400_000
const RECONCILE_MARGIN_MS = 120_000

/** The rows that say whom to tell what, and how that went. They are written by `Jobs.end`. */
export class Deliveries {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  async get(id: string): Promise<Delivery | undefined> {
    return decodeDelivery(await this.#redis.hgetall(this.#keys.delivery(id)))
  }

  /**
   * Records an attempt; false when another process recorded one meanwhile. Ended deliveries are kept for 30 days.
   * `retryInMs` is when the next attempt is planned, for a delivery that stays pending.
   */
  async record(
    delivery: Delivery,
    attempt: DeliveryAttempt,
    next: { status: DeliveryStatus; retryInMs?: number },
  ): Promise<boolean> {
    const lookAgainMs = next.status === 'pending' ? (next.retryInMs ?? 0) + RECONCILE_MARGIN_MS : ''
    const { value } = await recordAttempt(
      this.#redis,
      [this.#keys.delivery(delivery.id), this.#keys.undelivered],
      [
        delivery.id,
        delivery.attempts,
        lookAgainMs,
        KEEP_MS,
        'status',
        next.status,
        'log',
        JSON.stringify([...delivery.log, attempt].slice(-20)),
      ],
    )
    return value === 1
  }
}
