import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { loadScript } from './script.ts'
import { KEEP_IN_LIST_MS } from './webhook-news.ts'

const addDelivery = loadScript('add-delivery')

/** An attempt that has no other behind it in the schedule. */
const LAST_STEP = 9

/** What one endpoint is to be told besides the ends of jobs. */
export type SingleDelivery = {
  /** `msg_` and a ULID, `_`, and the ULID of the endpoint. */
  id: string
  team: string
  endpointId: string
  jobId: string
  type: string
  body: string
}

/** Has a sample sent at once and once only, whatever the endpoint did before and whatever else waits for it. */
export async function tellOnce(
  { redis, keys }: { redis: Redis; keys: Keys },
  { id, team, endpointId, jobId, type, body }: SingleDelivery,
): Promise<void> {
  const fields = { endpointId, jobId, type, body, isSample: '1' }
  await addDelivery(
    redis,
    [keys.destinations],
    [keys.prefix, 0, id, `ep:${endpointId}`, team, LAST_STEP, KEEP_IN_LIST_MS, ...Object.entries(fields).flat()],
  )
}
