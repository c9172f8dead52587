import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'

const ULID_CHARS = 26

/** The trace of the job that a delivery tells of, by the delivery's id; undefined where there is none, or no job any more. */
export async function traceparentOf(
  { redis, keys }: { redis: Redis; keys: Keys },
  deliveryId: string,
): Promise<string | undefined> {
  const id = `job_${deliveryId.slice('msg_'.length, 'msg_'.length + ULID_CHARS)}`
  return (await redis.hget(`${keys.jobPrefix}${id}`, 'traceparent')) ?? undefined
}
