import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { loadMissingScripts } from './script.ts'

const PROBE_MS = 60_000

/** `ok`, or why Redis takes no jobs now: the words stand in answers of readiness. */
type RedisState =
  | 'ok'
  | 'unavailable'
  | 'loading'
  /** A replica, after a failover or by mistake. */
  | 'read_only'
  /** It cannot write its file, and refuses to take what it could not keep. */
  | 'cannot_save'
  | 'no_replicas'
  | 'out_of_memory'

export type RedisHealth = {
  state: RedisState
  /** What it throws away when memory is full; undefined where it does not say. */
  policy: string | undefined
  hasAof: boolean | undefined
  /** Whether a replica is connected and follows. */
  hasReplica: boolean | undefined
  /** Whether it knows the scripts now, by our having told it if need be. */
  hasScripts: boolean
}

const BY_ERROR: Readonly<Record<string, RedisState>> = {
  LOADING: 'loading',
  READONLY: 'read_only',
  MASTERDOWN: 'read_only',
  MISCONF: 'cannot_save',
  NOREPLICAS: 'no_replicas',
  OOM: 'out_of_memory',
}

/** Whether jobs may be entrusted to this Redis. Writes one key that expires; rejects never, and waits for `timeoutMs`. */
export async function checkRedis(
  deps: { redis: Redis; keys: Keys },
  { nowMs, timeoutMs }: { nowMs: number; timeoutMs: number },
): Promise<RedisHealth> {
  // A patient connection would keep each question until Redis is back.
  if (deps.redis.status !== 'ready') return failed('unavailable')
  const { promise, resolve } = Promise.withResolvers<RedisHealth>()
  const timer = setTimeout(resolve, timeoutMs, failed('unavailable'))
  try {
    return await Promise.race([look(deps, nowMs), promise])
  } catch (error) {
    const [code = ''] = error instanceof Error ? error.message.split(' ') : []
    return failed(BY_ERROR[code] ?? 'unavailable')
  } finally {
    clearTimeout(timer)
  }
}

async function look({ redis, keys }: { redis: Redis; keys: Keys }, nowMs: number): Promise<RedisHealth> {
  // An operator may forbid INFO and SCRIPT; then what they say is not known.
  const [info] = await Promise.all([redis.info().catch(() => ''), redis.ping()])
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  // Not tried: a write that is refused for this makes ioredis look for another server, and send it again there.
  if (field('role') === 'slave' && field('slave_read_only') === '1') return failed('read_only')
  const [hasScripts] = await Promise.all([
    loadMissingScripts(redis).catch(() => true),
    redis.set(`${keys.prefix}:ready`, nowMs, 'PX', PROBE_MS),
  ])
  const aof = field('aof_enabled')
  return {
    state: 'ok',
    policy: field('maxmemory_policy'),
    hasAof: aof === undefined ? undefined : aof === '1',
    hasReplica: info === '' ? undefined : /^slave\d+:.*state=online/m.test(info),
    hasScripts,
  }
}

function failed(state: RedisState): RedisHealth {
  return { state, policy: undefined, hasAof: undefined, hasReplica: undefined, hasScripts: true }
}

/** The parts of a readiness report that are about Redis. */
export function redisChecks(
  { state, policy, hasReplica, hasScripts }: RedisHealth,
  { needsReplica = false }: { needsReplica?: boolean | undefined },
): Record<string, string> {
  return {
    redis: state,
    redis_policy: policy === undefined || policy === 'noeviction' ? 'ok' : 'evicts_jobs',
    redis_scripts: hasScripts ? 'ok' : 'missing',
    ...(needsReplica && { redis_replica: hasReplica === false ? 'missing' : 'ok' }),
  }
}

/** No reason to stop serving, but one to act. */
export function redisWarnings({ hasAof }: RedisHealth, { isProduction }: { isProduction: boolean }): string[] {
  return isProduction && hasAof === false ? ['Redis keeps no append-only file: accepted jobs can be lost'] : []
}
