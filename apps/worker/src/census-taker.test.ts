import { createKeys, JobCensus, KeyRests } from '@genqueue/jobs'
import { createMetrics } from '@genqueue/metrics'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { CensusTaker } from './census-taker.ts'

/** Fifteen seconds are 30 ms. */
const SPEED = 500
let server: RedisProcess
let redis: Redis
beforeAll(async () => {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  server = await startRedis({ binary })
  redis = new Redis(server.url)
  await redis.ping()
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

function openTaker() {
  const keys = createKeys('{census}')
  const metrics = createMetrics('worker')
  const taker = new CensusTaker({
    redis,
    keys,
    census: new JobCensus({ redis, keys }),
    book: { settings: (provider) => ({ provider, timeouts: {}, limits: { perModel: {} }, keys: [] }) },
    rests: new KeyRests({ redis, keys }),
    metrics,
    speed: SPEED,
    log: pino({ level: 'silent' }),
    now: Date.now,
  })
  onTestFinished(() => taker.stop())
  const tells = async () => (await metrics.render()).text.includes('genqueue_jobs_in_state{state="queued"} 0')
  return { taker, tells, keys }
}

test('of two workers one counts, and the other goes on when it leaves or vanishes', async () => {
  const [first, second] = [openTaker(), openTaker()]
  first.taker.start()
  await expect.poll(first.tells).toBe(true)
  second.taker.start()
  await redis.ping()
  expect(await second.tells()).toBe(false)
  await first.taker.stop()
  await expect.poll(second.tells).toBe(true)
  // A third has taken over while this one stood still: what it told is not true any more.
  await redis.set(first.keys.census, 'somebody else', 'PX', 150)
  await expect.poll(second.tells).toBe(false)
  await expect.poll(second.tells).toBe(true)
  await second.taker.stop()
  expect(await redis.exists(first.keys.census)).toBe(0)
})
