import type { ProviderBook } from '@genqueue/accounts'
import { checkRedis, type Keys, type RedisHealth, redisChecks, redisWarnings } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { Readiness } from './probes.ts'

const TIMEOUT_MS = 1_000

export type ReadinessDeps = {
  redis: Redis
  keys: Keys
  book: Pick<ProviderBook, 'faults'>
  keyCount: () => number
  isDraining: () => boolean
  isProduction: boolean
  /** Nothing is submitted without a replica. */
  needsReplica: boolean
  now: () => number
}

/** Whether this worker does any good: Redis can be entrusted with jobs, stored keys open, and the process stays. */
export function createReadiness(deps: ReadinessDeps): () => Promise<Readiness> {
  const { redis, keys, book, keyCount, isDraining, isProduction, needsReplica, now } = deps
  let looking: Promise<RedisHealth> | undefined
  return async () => {
    // However many ask, Redis is asked by one at a time.
    looking ??= checkRedis({ redis, keys }, { nowMs: now(), timeoutMs: TIMEOUT_MS }).finally(() => {
      looking = undefined
    })
    const health = await looking
    const required = redisChecks(health, { needsReplica })
    // A worker of a rollout that cannot open what the others store must not replace them.
    const isLocked = book.faults().some(({ reason }) => reason === 'encryption_key_missing')
    return {
      ready: Object.values(required).every((state) => state === 'ok') && !isDraining() && !isLocked,
      checks: {
        ...required,
        draining: String(isDraining()),
        provider_keys: String(keyCount()),
        ...(isLocked && { encryption_keys: 'missing' }),
      },
      warnings: redisWarnings(health, { isProduction }),
    }
  }
}
