import type { Limits, ProviderName } from '@genqueue/contract'
import { dayFields, type Hold, periodsOf, scopesOf } from './hold.ts'
import type { Keys } from './keys.ts'

const DAY_MS = 86_400_000
/** Longer than a job can take. */
const MONTH_KEPT_MS = 400 * DAY_MS
/** A slot comes free when some job ends, and nobody can tell when. */
const SLOT_HINT_MS = 5_000

/** In the order in which they are looked at, as accept.lua knows them: what lasts longest is told first. */
const CHECKED = [
  'credits_per_month',
  'usd_per_month',
  'credits_per_day',
  'usd_per_day',
  'jobs_per_day',
  'jobs_in_flight',
] as const
export type LimitName = (typeof CHECKED)[number]

/** What the caller's team and key may use; a key has limits only where it has an id. */
export type JobLimits = { team?: Limits | undefined; key?: Limits | undefined }

/** Why a job was not accepted. `freesInMs`: when the count begins anew, or when to ask again for a free slot. */
export type Refusal = { scope: 'team' | 'key'; limit: LimitName; value: number; freesInMs: number }

/** What accept.lua is told about money: where it is counted, what is held, and each limit as a whole number or ''. */
export function holdArgs(
  job: { team: string; provider: ProviderName; hold: Hold; limits: JobLimits; nowMs: number },
  keys: Keys,
): (string | number)[] {
  const { team, provider, hold, limits, nowMs } = job
  const { day, month } = periodsOf(nowMs)
  const args: (string | number)[] = [keys.inflight, hold.microUsd, hold.milliCredits, MONTH_KEPT_MS, dayFields(day)]
  for (const [index, scope] of scopesOf(team, hold).entries()) {
    const own = index === 0 ? limits.team : limits.key
    args.push(scope, keys.spend(scope, month), ...CHECKED.map((name) => wholeLimit(name, own, provider)))
  }
  return args
}

/** What accept.lua means by a scope and the number of one of its limits. */
export function refusalOf([scope, limit]: readonly [string, number], limits: JobLimits, nowMs: number): Refusal {
  const name = CHECKED[limit - 1]
  const owner = scope.startsWith('key:') ? 'key' : 'team'
  const value = name && limits[owner]?.[name]
  if (name === undefined || value === undefined)
    throw new Error(`accept.lua refused by a limit that was not given: ${scope} ${limit}`)
  return { scope: owner, limit: name, value, freesInMs: freesInMs(name, nowMs) }
}

function wholeLimit(name: LimitName, limits: Limits | undefined, provider: ProviderName): number | '' {
  const limit = limits?.[name]
  if (limit === undefined) return ''
  if (name.startsWith('usd')) return Math.round(limit * 1e6)
  if (!name.startsWith('credits')) return limit
  // Credits are Runway's own: without them, others still work.
  return provider === 'runway' ? Math.round(limit * 1e3) : ''
}

function freesInMs(name: LimitName, nowMs: number): number {
  if (name === 'jobs_in_flight') return SLOT_HINT_MS
  if (name.endsWith('day')) return DAY_MS - (nowMs % DAY_MS)
  const now = new Date(nowMs)
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1) - nowMs
}
