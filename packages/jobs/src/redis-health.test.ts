import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { acceptJob, type OpenJobs, openJobs } from './jobs-fixture.ts'
import { checkRedis, redisChecks, redisWarnings } from './redis-health.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
  await house.redis.ping()
})
afterAll(() => house.close())

const look = () => checkRedis(house, { nowMs: Date.now(), timeoutMs: 1_000 })
const SOON = { timeout: 3_000, interval: 20 }

test('30 a Redis that takes jobs is ok, one without an append-only file is warned of, and the probe leaves nothing for good', async () => {
  const { redis, keys } = house
  const health = await look()
  expect(redisChecks(health, {})).toEqual({ redis: 'ok', redis_policy: 'ok', redis_scripts: 'ok' })
  expect(await redis.pttl(`${keys.prefix}:ready`)).toBeGreaterThan(0)
  expect(redisWarnings(health, { isProduction: true })).toEqual([
    'Redis keeps no append-only file: accepted jobs can be lost',
  ])
  expect(redisWarnings({ ...health, hasAof: true }, { isProduction: true })).toEqual([])
  expect(redisWarnings(health, { isProduction: false })).toEqual([])
})

test.each(['allkeys-lru', 'volatile-ttl'])(
  '30 one that would throw jobs away is told by its policy %s',
  async (policy) => {
    await house.redis.config('SET', 'maxmemory-policy', policy)
    expect(redisChecks(await look(), {})).toMatchObject({ redis: 'ok', redis_policy: 'evicts_jobs' })
    await house.redis.config('SET', 'maxmemory-policy', 'noeviction')
    expect(redisChecks(await look(), {})).toMatchObject({ redis_policy: 'ok' })
  },
)

test('one that has too few replicas to write is told', async () => {
  await house.redis.config('SET', 'min-replicas-to-write', '1')
  expect(await look()).toMatchObject({ state: 'no_replicas' })
  await house.redis.config('SET', 'min-replicas-to-write', '0')
  expect(await look()).toMatchObject({ state: 'ok' })
})

test('one whose memory is full is told', async () => {
  await house.redis.config('SET', 'maxmemory', '1')
  expect(await look()).toMatchObject({ state: 'out_of_memory' })
  await house.redis.config('SET', 'maxmemory', '0')
  expect(await look()).toMatchObject({ state: 'ok' })
})

test('one that cannot write its file is told: it answers even PING with MISCONF', async () => {
  const { redis, server } = house
  // Not even root can put a file where a folder is.
  await mkdir(join(server.dir, 'dump.rdb', 'full'), { recursive: true })
  await redis.config('SET', 'save', '3600 1000000')
  await redis.bgsave()
  await vi.waitFor(async () => expect(await redis.info('persistence')).toContain('rdb_last_bgsave_status:err'), SOON)
  expect(await look()).toMatchObject({ state: 'cannot_save' })
  // Without it the server would not even end.
  await redis.config('SET', 'save', '')
  expect(await look()).toMatchObject({ state: 'ok' })
})

test('scripts that Redis has forgotten are told to it again', async () => {
  const { redis } = house
  await acceptJob(house)
  const known = async () => /number_of_cached_scripts:(\d+)/.exec(await redis.info('memory'))?.[1]
  await redis.script('FLUSH')
  expect(await known()).toBe('0')
  expect(await look()).toMatchObject({ hasScripts: true })
  expect(Number(await known())).toBeGreaterThan(10)
})

test('a replica is read-only, and the last to be asked is told so without a write', async () => {
  await house.redis.replicaof('127.0.0.1', 1)
  expect(await look()).toMatchObject({ state: 'read_only' })
  await house.redis.replicaof('NO', 'ONE')
  expect(await look()).toMatchObject({ state: 'ok' })
})

test('one that does not answer is unavailable, at once when the connection is gone', async () => {
  await house.server.kill('SIGSTOP')
  expect(await checkRedis(house, { nowMs: 0, timeoutMs: 50 })).toMatchObject({ state: 'unavailable' })
  await house.server.kill('SIGCONT')
  const unconnected = house.redis.duplicate({ lazyConnect: true })
  expect(await checkRedis({ ...house, redis: unconnected }, { nowMs: 0, timeoutMs: 60_000 })).toMatchObject({
    state: 'unavailable',
  })
})
