import type { ProviderName } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Money } from './hold.ts'
import type { Keys } from './keys.ts'
import type { JobRecord } from './record.ts'

const SEPARATOR = '|'
const MAX_MODEL_LENGTH = 100
/** Stands for the models of a day that has too many. */
export const OTHER_MODEL = 'other'
/** What is counted of the jobs of a day, as advance.lua names it; money in whole millionths and thousandths. */
const SUMS = [
  'jobs',
  'succeeded',
  'failed',
  'canceled',
  'usd',
  'credits',
  'unknown',
  'unknown_usd',
  'unknown_credits',
] as const
type Sum = (typeof SUMS)[number]

/** What jobs have in common that ended on one day of intake. A key without an id, and no model, are ''. */
type UsageGroup = { day: string; team: string; key: string; provider: string; model: string }
export type UsageLine = UsageGroup & Record<Sum, number>

/** The line of the report that a job belongs to. */
export function usageRow({ team, hold, provider, model = '' }: UsageSubject): string {
  const parts = [team, hold?.apiKeyId ?? '', provider, model.slice(0, MAX_MODEL_LENGTH)]
  return parts.map((part) => part.replaceAll(SEPARATOR, '_')).join(SEPARATOR)
}

type UsageSubject = Pick<JobRecord, 'team' | 'hold' | 'model'> & { provider: ProviderName }

/** What the ended jobs that came in on a UTC day (`2026-11-20`) came to, line by line. */
export async function readUsage({ redis, keys }: { redis: Redis; keys: Keys }, day: string): Promise<UsageLine[]> {
  const lines = new Map<string, UsageLine>()
  for (const [field, text] of Object.entries(await redis.hgetall(keys.usage(day)))) {
    const cut = field.lastIndexOf(SEPARATOR)
    const row = field.slice(0, cut)
    const sum = SUMS.find((name) => name === field.slice(cut + 1))
    if (sum === undefined) continue
    let line = lines.get(row)
    if (!line) {
      const [team = '', key = '', provider = '', model = ''] = row.split(SEPARATOR)
      line = { day, team, key, provider, model, ...EMPTY }
      lines.set(row, line)
    }
    line[sum] = Number(text)
  }
  return [...lines.values()]
}

const EMPTY = {
  jobs: 0,
  succeeded: 0,
  failed: 0,
  canceled: 0,
  usd: 0,
  credits: 0,
  unknown: 0,
  unknown_usd: 0,
  unknown_credits: 0,
} as const satisfies Record<Sum, 0>

/** Months in which a job may have come in that has not ended; what is held longer is a lost record's. */
const OPEN_MONTHS = 4

/** Jobs that have not ended, and what is held for them: of one team, or of all. */
export async function readOpen(
  { redis, keys }: { redis: Redis; keys: Keys },
  team: string | undefined,
  nowMs: number,
): Promise<Money & { jobs: number }> {
  const open = { jobs: 0, microUsd: 0, milliCredits: 0 }
  const months = monthsUntil(nowMs)
  for (const [scope, count] of await inFlight(redis, keys, team)) {
    open.jobs += count
    const held = await Promise.all(
      months.map((month) => redis.hmget(keys.spend(scope, month), 'held_usd', 'held_credits')),
    )
    for (const [usd, credits] of held) {
      open.microUsd += Number(usd ?? 0)
      open.milliCredits += Number(credits ?? 0)
    }
  }
  return open
}

async function inFlight(redis: Redis, keys: Keys, team: string | undefined): Promise<[string, number][]> {
  if (team !== undefined) {
    const scope = `team:${team}`
    return [[scope, Number((await redis.hget(keys.inflight, scope)) ?? 0)]]
  }
  const all = Object.entries(await redis.hgetall(keys.inflight))
  return all.flatMap(([scope, count]) => (scope.startsWith('team:') ? [[scope, Number(count)]] : []))
}

function monthsUntil(nowMs: number): string[] {
  const now = new Date(nowMs)
  return Array.from({ length: OPEN_MONTHS }, (_, index) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - index)).toISOString().slice(0, 7),
  )
}
