import type { Redis } from 'ioredis'
import { type Delivery, decodeDelivery } from './delivery.ts'
import type { Keys } from './keys.ts'

/** The delivery as it is. One that waits behind an open circuit is not due before that lets one through. */
export async function readDelivery(
  { redis, keys }: { redis: Redis; keys: Keys },
  id: string,
): Promise<Delivery | undefined> {
  const delivery = decodeDelivery(await redis.hgetall(keys.delivery(id)))
  if (delivery?.status !== 'pending') return delivery
  const openUntilMs = Number(await redis.hget(keys.destination(delivery.destination), 'openUntil'))
  return { ...delivery, nextAtMs: Math.max(delivery.nextAtMs ?? 0, openUntilMs) }
}
