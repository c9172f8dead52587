import { ProblemError } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import type { ApiContext } from '../route.ts'
import { idempotencyHash, idempotencyKeyOf } from './idempotency.ts'

const LEASE_MS = 30_000

/**
 * Refuses a request whose idempotency key belongs to one that is still being taken in, before its files are stored a
 * second time. Only a courtesy: a lease may run out under a slow upload, and `accept.lua` alone decides whose job it is.
 * A body that arrives at once has no such time; its repeat is answered by the script.
 */
export async function leaseIntake(
  { req }: ApiContext,
  team: string,
  { redis, keys, config }: Pick<AppDeps, 'redis' | 'keys' | 'config'>,
): Promise<() => void> {
  const { headers } = req.raw
  const key = idempotencyKeyOf(headers.get('idempotency-key'))
  const length = headers.get('content-length')
  const isShort = length !== null && Number(length) <= config.limits.maxJsonBytes
  if (key === undefined || isShort) return () => undefined
  const hash = idempotencyHash(`${req.method} ${req.path}`, key)
  const lease = `${keys.prefix}:intake:${team}:${hash}`
  const beganMs = performance.now()
  const [taken, isKnown] = await Promise.all([
    redis.set(lease, 1, 'PX', LEASE_MS, 'NX'),
    redis.exists(keys.idempotency(team, hash)),
  ])
  if (taken === null && isKnown === 0) {
    const message = 'A request with this idempotency key is still being taken in; send it again when that was answered'
    throw new ProblemError('idempotency_in_flight', message, {
      param: 'Idempotency-Key',
      headers: { 'retry-after': '1' },
    })
  }
  return () => {
    // After that time it may be another's.
    if (taken !== null && performance.now() - beganMs < LEASE_MS) redis.del(lease).catch(() => undefined)
  }
}
