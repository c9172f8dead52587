import { Redis } from 'ioredis'

/** Every key and value in Redis, as text. */
export async function everythingIn(url: string): Promise<string[]> {
  const redis = new Redis(url)
  const found: string[] = []
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key)
    const values = {
      string: () => redis.get(key),
      hash: () => redis.hgetall(key),
      list: () => redis.lrange(key, 0, '-1'),
      zset: () => redis.zrange(key, 0, '-1'),
      set: () => redis.smembers(key),
      stream: () => redis.xrange(key, '-', '+'),
    }[type]
    found.push(`${key} ${JSON.stringify(await values?.())}`)
  }
  redis.disconnect()
  return found
}
