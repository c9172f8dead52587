import { JobId } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Jobs } from './jobs.ts'
import type { Keys } from './keys.ts'
import type { Queues } from './queues.ts'

const BATCH = 500

export type ReconcileReport = { woken: number; redelivered: number; expired: number }

/**
 * Puts back what stands in no queue and no schedule, and trims the indexes. Everything it does is idempotent: several
 * workers may do it at once, and a healthy job is not disturbed by it.
 */
export async function reconcile(
  deps: { redis: Redis; keys: Keys; jobs: Jobs; queues: Queues },
  options: { lookAgainMs: number; nowMs: number },
): Promise<ReconcileReport> {
  const { redis, keys, jobs, queues } = deps
  const { lookAgainMs, nowMs } = options

  const late = await redis.zrangebyscore(keys.open, '-inf', nowMs, 'LIMIT', 0, BATCH)
  for (const id of late) {
    const job = await jobs.get(JobId.parse(id))
    if (!job) await redis.zrem(keys.open, id)
    else await Promise.all([jobs.wake(job.id), redis.zadd(keys.open, 'XX', nowMs + lookAgainMs, id)])
  }

  const untold = await redis.zrangebyscore(keys.undelivered, '-inf', nowMs - lookAgainMs, 'LIMIT', 0, BATCH)
  for (const id of untold) {
    if ((await redis.exists(keys.delivery(id))) === 0) await redis.zrem(keys.undelivered, id)
    else await Promise.all([queues.send('notify', id, id), redis.zadd(keys.undelivered, 'XX', nowMs, id)])
  }

  const expired = await redis.zrangebyscore(keys.expiring, '-inf', nowMs, 'LIMIT', 0, BATCH)
  for (const entry of expired) {
    const cut = entry.lastIndexOf('/')
    await redis.zrem(keys.list(entry.slice(0, cut)), entry.slice(cut + 1))
    await redis.zrem(keys.expiring, entry)
  }
  return { woken: late.length, redelivered: untold.length, expired: expired.length }
}
