import type { Redis } from 'ioredis'
import type { Delivery, DeliveryStatus } from './delivery.ts'
import type { Keys } from './keys.ts'
import { readDelivery } from './read-delivery.ts'

const PAGE = 100
/** A filter that matches little may look at this many deliveries before it hands the rest to the next request. */
const MAX_SCANNED = 2_000

export type DeliveryQuery = {
  status?: DeliveryStatus | undefined
  endpointId?: string | undefined
  limit: number
  /** The last delivery that was seen. */
  after?: string | undefined
}

export type DeliveryPage = {
  deliveries: Delivery[]
  hasMore: boolean
  /** Where the next page starts; the last delivery seen, which a sparse filter may not have let through. */
  lastId: string | undefined
}

/** A page of a team's deliveries, newest first; those that have expired meanwhile are left out. */
export async function listDeliveries(
  { redis, keys }: { redis: Redis; keys: Keys },
  team: string,
  { status, endpointId, limit, after }: DeliveryQuery,
): Promise<DeliveryPage> {
  const list = keys.deliveries(team)
  const found: Delivery[] = []
  let lastId = after
  let at = 0
  if (after !== undefined) {
    const rank = await redis.zrevrank(list, after)
    if (rank === null) return { deliveries: [], hasMore: false, lastId }
    at = rank + 1
  }
  for (let scanned = 0; scanned < MAX_SCANNED; scanned += PAGE, at += PAGE) {
    const ids = await redis.zrevrange(list, at, at + PAGE - 1)
    const signs = await Promise.all(ids.map((id) => redis.hmget(keys.delivery(id), 'status', 'endpointId')))
    for (const [index, id] of ids.entries()) {
      const [rowStatus, rowEndpoint] = signs[index] ?? []
      if ((status ?? rowStatus) === rowStatus && (endpointId ?? rowEndpoint) === rowEndpoint) {
        if (found.length === limit) return { deliveries: found, hasMore: true, lastId }
        const row = await readDelivery({ redis, keys }, id)
        if (row) found.push(row)
      }
      lastId = id
    }
    if (ids.length < PAGE) return { deliveries: found, hasMore: false, lastId }
  }
  return { deliveries: found, hasMore: true, lastId }
}
