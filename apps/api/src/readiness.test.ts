import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type OpenApi, openApi } from './api-fixture.ts'
import { createReadiness } from './readiness.ts'

let house: OpenApi
beforeEach(async () => {
  house = await openApi()
})
afterEach(() => house.close())

type Report = { status: string; checks: Record<string, string>; warnings: string[] }
async function ready(): Promise<[number, Report]> {
  const response = await house.fetch('/readyz', { key: null })
  return [response.status, (await response.json()) as Report] // compared
}

test('ready means that Redis and storage answer', async () => {
  expect(await ready()).toEqual([
    200,
    {
      status: 'ready',
      checks: { process: 'ok', redis: 'ok', redis_policy: 'ok', redis_scripts: 'ok', encryption: 'ok', storage: 'ok' },
      warnings: [],
    },
  ])
  expect(await (await house.fetch('/livez', { key: null })).json()).toEqual({ status: 'ok' })
})

test('a Redis that may throw jobs away is not ready', async () => {
  await house.redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  expect(await ready()).toMatchObject([503, { status: 'not_ready', checks: { redis_policy: 'evicts_jobs' } }])
})

test('a Redis that cannot be written is not ready', async () => {
  await house.redis.replicaof('127.0.0.1', 1)
  expect(await ready()).toMatchObject([503, { checks: { redis: 'read_only' } }])
})

test('the probe leaves nothing behind for good', async () => {
  await ready()
  const keys = await house.redis.keys(`${house.keys.prefix}:*`)
  for (const key of keys) expect(await house.redis.pttl(key)).toBeGreaterThan(0)
  expect(await house.storedFiles()).toEqual([])
})

test('a process that cannot read stored secrets is not ready and names the key that it lacks', async () => {
  const { redis, keys, storage } = house
  const log = pino({ level: 'silent' })
  const closing = new AbortController().signal
  const look = createReadiness({ redis, keys, storage, log, isProduction: false, missingKids: () => ['k9'], closing })
  expect(await look()).toMatchObject({ isReady: false, checks: { encryption: 'ENCRYPTION_KEYS lacks k9' } })
})
