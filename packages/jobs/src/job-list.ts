import type { JobId } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { decodeRecord, type JobRecord } from './record.ts'

const PAGE = 100
/** A filter that matches little may look at this many jobs before it hands the rest to the next request. */
const MAX_SCANNED = 2_000

export type ListQuery = {
  after?: JobId | undefined
  limit: number
  order: 'asc' | 'desc'
  match?: (job: JobRecord) => boolean
}

export type ListPage = {
  jobs: JobRecord[]
  hasMore: boolean
  /** Where the next page starts; the last job seen, which a sparse filter may not have let through. */
  lastId: JobId | undefined
}

/** A page of a team's jobs in order of intake; records that have expired meanwhile are left out. */
export async function listJobs(deps: { redis: Redis; keys: Keys }, team: string, query: ListQuery): Promise<ListPage> {
  const { redis, keys } = deps
  const { limit, order, match = () => true } = query
  const jobs: JobRecord[] = []
  let lastId = query.after
  for (let scanned = 0; scanned < MAX_SCANNED; ) {
    const ids = await page(redis, keys.list(team), order, lastId, PAGE)
    scanned += ids.length
    const records = await Promise.all(ids.map(async (id) => decodeRecord(id, await redis.hgetall(keys.job(id)))))
    for (const [index, job] of records.entries()) {
      if (!job || !match(job)) {
        lastId = ids[index] ?? lastId
        continue
      }
      if (jobs.length === limit) return { jobs, hasMore: true, lastId }
      jobs.push(job)
      lastId = job.id
    }
    if (ids.length < PAGE) return { jobs, hasMore: false, lastId }
  }
  return { jobs, hasMore: true, lastId }
}

function page(redis: Redis, key: string, order: 'asc' | 'desc', after: string | undefined, count: number) {
  if (order === 'asc')
    return redis.zrange(key, after ? `(${after}` : '-', '+', 'BYLEX', 'LIMIT', 0, count) as Promise<JobId[]> // the list holds job ids only
  return redis.zrange(key, after ? `(${after}` : '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, count) as Promise<JobId[]> // as above
}
