import { VendorLimits } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Keys } from './keys.ts'

/** What is last known of a key's limits at the vendor, and since when asking for them fails. */
const LimitsSnapshot = z.object({
  limits: VendorLimits.optional(),
  readAtMs: z.number().optional(),
  failure: z.object({ detail: z.string(), sinceMs: z.number() }).optional(),
})
export type LimitsSnapshot = z.infer<typeof LimitsSnapshot>

/** The limits of provider keys as their vendor told them; one process asks, all read. */
export class KeyLimits {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  async read(keyId: string): Promise<LimitsSnapshot | undefined> {
    const text = await this.#redis.get(this.#keys.limits(keyId))
    return text === null ? undefined : LimitsSnapshot.parse(JSON.parse(text))
  }

  /** True for one process at a time, and not before the last one's hold is over. */
  async lease(keyId: string, leaseMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.limitsLease(keyId), '1', 'PX', Math.ceil(leaseMs), 'NX')) === 'OK'
  }

  /** Stores what was learned; nobody asks again for `holdMs`. */
  async write(keyId: string, snapshot: LimitsSnapshot, options: { holdMs: number; keepMs: number }): Promise<void> {
    await this.#redis
      .multi()
      .set(this.#keys.limits(keyId), JSON.stringify(snapshot), 'PX', Math.ceil(options.keepMs))
      .set(this.#keys.limitsLease(keyId), '1', 'PX', Math.ceil(options.holdMs))
      .exec()
  }
}

/** What the operator says instead of the vendor. */
type ManualLimits = {
  concurrency?: number | undefined
  perModel: Readonly<Record<string, { concurrency?: number | undefined; perDay?: number | undefined }>>
}

type LaneLimit = { limit: number | undefined; from: 'manual' | 'vendor' | undefined }

/** How many tasks of one lane a key may have at the vendor: the operator's word first, then the vendor's, then any. */
export function laneLimit(lane: string, manual: ManualLimits, live: VendorLimits | undefined): LaneLimit {
  const said = manual.perModel[lane]?.concurrency ?? manual.concurrency
  if (said !== undefined) return { limit: said, from: 'manual' }
  const told = live?.models[lane]?.maxConcurrent ?? undefined
  return { limit: told, from: told === undefined ? undefined : 'vendor' }
}

/** Whether the last day's tasks of a model have used up what may be made in one. */
export function isDaySpent(model: string, manual: ManualLimits, live: VendorLimits | undefined): boolean {
  const { maxPerDay, usedToday } = live?.models[model] ?? {}
  const perDay = manual.perModel[model]?.perDay ?? maxPerDay ?? Number.POSITIVE_INFINITY
  return (usedToday ?? 0) >= perDay
}
