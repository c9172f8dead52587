import { JobId } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { freeLostHolders } from './check-holders.ts'
import type { Jobs } from './jobs.ts'
import type { Keys } from './keys.ts'
import { queueDeadlineMs } from './place.ts'
import type { JobRecord } from './record.ts'
import { loadScript } from './script.ts'

const recount = loadScript('recount')

const BATCH = 500
/** Lines may be long, and their looks must not put off those at others. */
const MAX_LOOKS = 10 * BATCH
/** A line forgets nobody: those in it are looked at rarely. */
const QUEUED_LOOKS = 10

/** `lost`: open jobs without a record; `freed`: slots of jobs that hold them no longer. */
export type ReconcileReport = { woken: number; lost: number; expired: number; freed: number }

/**
 * Puts back what stands in no queue and no schedule, and trims the indexes. Everything it does is idempotent: several
 * workers may do it at once, and a healthy job is not disturbed by it.
 */
export async function reconcile(
  deps: { redis: Redis; keys: Keys; jobs: Jobs },
  options: { lookAgainMs: number; nowMs: number },
): Promise<ReconcileReport> {
  const { redis, keys, jobs } = deps
  const { nowMs } = options

  const late = await redis.zrangebyscore(keys.open, '-inf', nowMs, 'LIMIT', 0, MAX_LOOKS)
  let lost = 0
  for (const id of late) {
    const job = await jobs.get(JobId.parse(id))
    if (!job) lost += await redis.zrem(keys.open, id)
    else await Promise.all([jobs.wake(job.id), redis.zadd(keys.open, 'XX', nextLookMs(job, options), id)])
  }
  // Whose slot it held, only the record knew.
  if (lost > 0) await recount(redis, [keys.inflight, keys.open], [keys.jobPrefix])

  const expired = await redis.zrangebyscore(keys.expiring, '-inf', nowMs, 'LIMIT', 0, BATCH)
  for (const entry of expired) {
    const cut = entry.lastIndexOf('/')
    await redis.zrem(keys.list(entry.slice(0, cut)), entry.slice(cut + 1))
    await redis.zrem(keys.expiring, entry)
  }
  const freed = await freeLostHolders(deps)
  return { woken: late.length - lost, lost, expired: expired.length, freed }
}

/** No later than its queue deadline, which ends a job that nobody is given a turn for. */
function nextLookMs(job: JobRecord, { lookAgainMs, nowMs }: { lookAgainMs: number; nowMs: number }): number {
  const deadlineMs = queueDeadlineMs(job)
  if (job.status !== 'queued' || deadlineMs < nowMs) return nowMs + lookAgainMs
  return Math.min(deadlineMs + 1, nowMs + QUEUED_LOOKS * lookAgainMs)
}
