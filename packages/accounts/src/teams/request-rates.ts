import type { Redis } from 'ioredis'
import { luaScript } from '../lua-script.ts'

/**
 * Generic cell rate algorithm, for all limits that hold for a request together: it is counted on each of them or on
 * none. A key holds the moment, in microseconds, at which its whole burst is free again.
 * KEYS: one for each limit. ARGV: microseconds between requests and burst, for each.
 * Answers the limit that refuses (0 for none), microseconds until it would not, and for each limit what is left of its
 * burst and microseconds until it is whole.
 */
const TAKE = luaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full, refusing, wait, left = {}, 0, 0, {}
for i = 1, #KEYS do
  local gap, burst = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  full[i] = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now)
  local over = full[i] + gap - (now + gap * burst)
  if over > 0 and over > wait then refusing, wait = i, over end
end
for i = 1, #KEYS do
  local gap, burst = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  if refusing == 0 then
    full[i] = full[i] + gap
    redis.call('SET', KEYS[i], string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1)
  end
  left[#left + 1] = math.max(0, math.floor((now + gap * burst - full[i]) / gap + 0.000001))
  left[#left + 1] = math.ceil(full[i] - now)
end
return {refusing, math.ceil(wait), unpack(left)}`)

export type RequestRate = { of: 'team' | 'key'; id: string; perSecond: number }
export type RateAnswer = {
  refusedBy?: 'team' | 'key'
  retryAfterMs: number
  /** Of the limit that refuses, or of the one that is nearest to it. */
  limit: number
  remaining: number
  resetMs: number
}

/** Requests per second, counted over all processes by Redis' clock. A burst of one second's worth may come at once. */
export async function takeRequest(
  { redis, prefix }: { redis: Redis; prefix: string },
  rates: readonly [RequestRate, ...RequestRate[]],
): Promise<RateAnswer> {
  const keys = rates.map(({ of, id }) => `${prefix}:rate:${of}:${id}`)
  const args = rates.flatMap(({ perSecond }) => [Math.round(1e6 / perSecond), burstOf(perSecond)])
  const answer = await TAKE(redis, keys, args)
  if (!Array.isArray(answer)) throw new Error('The rate script gave an unexpected answer')
  const [refusing = 0, waitMicros = 0, ...left] = answer.map(Number)
  const all = rates.map(({ of, perSecond }, index) => ({
    of,
    limit: burstOf(perSecond),
    remaining: left[index * 2] ?? 0,
    resetMs: (left[index * 2 + 1] ?? 0) / 1000,
  }))
  const [first, ...others] = all
  const refused = all[refusing - 1]
  if (!first) throw new Error('There is always a first rate')
  const { limit, remaining, resetMs, of } =
    refused ?? others.reduce((least, each) => (each.remaining < least.remaining ? each : least), first)
  return { ...(refused && { refusedBy: of }), retryAfterMs: waitMicros / 1000, limit, remaining, resetMs }
}

function burstOf(perSecond: number): number {
  return Math.max(1, Math.floor(perSecond))
}
