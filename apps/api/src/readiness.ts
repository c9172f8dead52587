import { checkRedis, type Keys, redisChecks, redisWarnings } from '@genqueue/jobs'
import type { Storage } from '@genqueue/storage'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'

const BUDGET_MS = 1_000
const REDIS_CACHE_MS = 1_000
const STORAGE_CACHE_MS = 30_000

type ReadinessReport = {
  isReady: boolean
  /** `ok`, or what is wrong in one word; never an address. */
  checks: Readonly<Record<string, string>>
  /** Not a reason to stop serving, but one to act. */
  warnings: readonly string[]
}
export type Readiness = () => Promise<ReadinessReport>

export type ReadinessDeps = {
  redis: Redis
  keys: Keys
  storage: Storage
  log: Logger
  isProduction: boolean
  /** Nothing is accepted without a replica. */
  needsReplica?: boolean
  /** Encryption keys that stored secrets need and this process does not have. */
  missingKids?: () => readonly string[]
  closing: AbortSignal
  now?: () => number
}

/**
 * Whether this process should get requests: Redis answers, can be written, keeps what it is given, and the process is
 * not ending; and it has the keys that stored secrets are encrypted with. Storage must have answered once, so that a
 * wrong bucket stops a roll-out; later it is a warning, because taking every process out would stop the jobs too.
 */
export function createReadiness(deps: ReadinessDeps): Readiness {
  const { closing, isProduction, needsReplica, log, now = Date.now } = deps
  let storageProvenOnce = false
  const redis = cached(
    now,
    () => REDIS_CACHE_MS,
    () => checkRedis(deps, { nowMs: now(), timeoutMs: BUDGET_MS }),
  )
  const storageCacheMs = () => (storageProvenOnce ? STORAGE_CACHE_MS : REDIS_CACHE_MS)
  const storage = cached(now, storageCacheMs, async () => {
    const isOk = await deps.storage.check(AbortSignal.timeout(BUDGET_MS)).then(
      () => true,
      (err: unknown) => {
        log.warn({ err }, 'storage check failed')
        return false
      },
    )
    storageProvenOnce ||= isOk
    return isOk
  })
  return async () => {
    const [health, storageIsOk] = await Promise.all([redis(), storage()])
    const checks = {
      process: closing.aborted ? 'draining' : 'ok',
      ...redisChecks(health, { needsReplica }),
      encryption: encryptionState(deps.missingKids?.() ?? []),
      storage: storageIsOk ? 'ok' : 'failing',
    }
    const warnings = redisWarnings(health, { isProduction })
    if (!storageIsOk) warnings.push('The storage does not answer well')
    const { storage: _, ...required } = checks
    const isReady = storageProvenOnce && Object.values(required).every((state) => state === 'ok')
    return { isReady, checks, warnings }
  }
}

function encryptionState(missingKids: readonly string[]): string {
  return missingKids.length === 0 ? 'ok' : `ENCRYPTION_KEYS lacks ${missingKids.join(', ')}`
}

/** One look at a time, and its answer for as long as it is fresh. */
function cached<Value>(now: () => number, maxAgeMs: () => number, look: () => Promise<Value>): () => Promise<Value> {
  let latest: { atMs: number; value: Promise<Value> } | undefined
  return () => {
    if (!latest || now() - latest.atMs >= maxAgeMs()) latest = { atMs: now(), value: look() }
    return latest.value
  }
}
