import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { connectListener, connectRedis } from './redis.ts'

let server: RedisProcess
let operator: Redis
beforeAll(async () => {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  server = await startRedis({ binary })
  operator = new Redis(server.url)
})
afterAll(async () => {
  operator.disconnect()
  await server.stop()
})

test.each([
  ['patient', connectRedis],
  ['listening', connectListener],
])(
  'a %s connection that is back subscribes to nothing that nobody asks for, whose failure would end the process',
  async (_, connect) => {
    const redis = connect(server.url)
    onTestFinished(() => redis.disconnect())
    redis.on('error', () => {})
    const subscribed: unknown[] = []
    redis.on('ready', () => subscribed.push(redis.subscribe('changes')))
    if (redis.status === 'wait') await redis.connect()
    await expect.poll(() => subscribed.length).toBe(1)
    await subscribed[0]
    const before = await subscriptions()
    await operator.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await expect.poll(() => subscribed.length).toBe(2)
    await subscribed[1]
    expect(await subscriptions()).toBe(before + 1)
  },
)

async function subscriptions(): Promise<number> {
  return Number(/^cmdstat_subscribe:calls=(\d+)/m.exec(await operator.info('commandstats'))?.[1])
}
