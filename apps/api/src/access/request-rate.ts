import { type RateAnswer, type RequestRate, takeRequest } from '@genqueue/accounts'
import { ProblemError } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import type { Identity } from './authenticate.ts'

const WHOSE = { team: 'your team', key: 'this API key' }

/**
 * Counts the request where its team or key has a limit of requests per second, and answers with the headers that say
 * what is left. Redis is asked only then.
 */
export async function countRequest(
  { team, apiKeyId, limits }: Identity,
  { redis, keys }: Pick<AppDeps, 'redis' | 'keys'>,
): Promise<Readonly<Record<string, string>> | undefined> {
  const rates: RequestRate[] = []
  const perSecond = limits.team?.requests_per_second
  if (perSecond !== undefined) rates.push({ of: 'team', id: team, perSecond })
  const keyPerSecond = limits.key?.requests_per_second
  if (keyPerSecond !== undefined && apiKeyId !== undefined) {
    rates.push({ of: 'key', id: apiKeyId, perSecond: keyPerSecond })
  }
  const [first, ...others] = rates
  if (first === undefined) return undefined
  const answer = await takeRequest({ redis, prefix: keys.prefix }, [first, ...others])
  const headers = headersOf(answer)
  if (answer.refusedBy === undefined) return headers
  const { perSecond: allowed } = rates.find(({ of }) => of === answer.refusedBy) ?? first
  const message = `The limit of ${WHOSE[answer.refusedBy]} is ${allowed} requests per second; send fewer`
  const retryAfter = String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000)))
  throw new ProblemError('rate_limit_exceeded', message, { headers: { ...headers, 'retry-after': retryAfter } })
}

/** Counts what costs more than a request does, however the team's requests are limited otherwise. */
export async function countAction(
  { team }: Pick<Identity, 'team'>,
  { name, perSecond }: { name: string; perSecond: number },
  { redis, keys }: Pick<AppDeps, 'redis' | 'keys'>,
): Promise<void> {
  const rate = { of: 'team', id: `${team}:${name}`, perSecond } as const
  const answer = await takeRequest({ redis, prefix: keys.prefix }, [rate])
  if (answer.refusedBy === undefined) return
  const retryAfter = String(Math.max(1, Math.ceil(answer.retryAfterMs / 1000)))
  const message = `A team may do this ${perSecond} times a second; try again in ${retryAfter} s`
  throw new ProblemError('rate_limit_exceeded', message, { headers: { 'retry-after': retryAfter } })
}

function headersOf({ limit, remaining, resetMs }: RateAnswer): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(resetMs / 1000)),
  }
}
