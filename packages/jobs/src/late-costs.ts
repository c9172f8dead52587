import type { Cost } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { dayFields, periodsOf, scopesOf } from './hold.ts'
import type { Keys } from './keys.ts'
import type { JobRecord } from './record.ts'
import { loadScript } from './script.ts'
import { type EndedRecord, isAskedLater, settle } from './settlement.ts'
import { OTHER_MODEL, usageRow } from './usage.ts'

const settleLate = loadScript('settle-late')

/** Tasks that went on at their vendor when their jobs had ended: what they cost is asked for later. */
export class LateCosts {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  /** Ids of jobs whose time has come. */
  async due(nowMs: number, limit: number): Promise<string[]> {
    return this.#redis.zrangebyscore(this.#keys.unsettled, '-inf', nowMs, 'LIMIT', 0, limit)
  }

  async askAgainAt(id: string, atMs: number): Promise<void> {
    await this.#redis.zadd(this.#keys.unsettled, 'XX', atMs, id)
  }

  /** What nobody will tell stays at risk. */
  async giveUp(id: string): Promise<void> {
    await this.#redis.zrem(this.#keys.unsettled, id)
  }

  /** Puts the vendor's figure in the place of what was at risk; once, however often it is called. */
  async settle(record: EndedRecord, cost: Cost): Promise<void> {
    const keys = this.#keys
    const before = settle(record, record)
    const after = settle(record, { ...record, cost })
    const change = (part: 'charged' | 'unknown', unit: 'microUsd' | 'milliCredits') =>
      after[part][unit] - before[part][unit]
    const { day, month } = periodsOf(record.times.queued ?? 0)
    const scopes = record.hold ? scopesOf(record.team, record.hold) : []
    const usd = change('charged', 'microUsd')
    const credits = change('charged', 'milliCredits')
    const unknownUsd = change('unknown', 'microUsd')
    const unknownCredits = change('unknown', 'milliCredits')
    await settleLate(
      this.#redis,
      [keys.job(record.id), keys.unsettled, keys.usage(day), ...scopes.map((scope) => keys.spend(scope, month))],
      [
        record.id,
        JSON.stringify(cost),
        usageRow(record),
        usageRow({ ...record, model: OTHER_MODEL }),
        usd,
        credits,
        Number(after.isUnknown) - Number(before.isUnknown),
        unknownUsd,
        unknownCredits,
        usd + unknownUsd,
        credits + unknownCredits,
        dayFields(day),
      ],
    )
  }
}

/** The record where a late cost is still wanted for it. */
export function unsettledRecord(record: JobRecord | undefined): (EndedRecord & { taskId: string }) | undefined {
  if (record?.status !== 'failed' && record?.status !== 'canceled') return undefined
  return isAskedLater(record) ? record : undefined
}
