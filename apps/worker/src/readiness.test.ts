import { createKeys } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { createReadiness } from './readiness.ts'

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

type Fault = { provider: 'runway'; name: string; reason: 'encryption_key_missing'; detail: string }
function readinessWith({ faults = [], draining = false }: { faults?: Fault[]; draining?: boolean } = {}) {
  return createReadiness({
    redis,
    keys: createKeys('{ready}'),
    book: { faults: () => faults },
    keyCount: () => 2,
    isDraining: () => draining,
    isProduction: true,
    needsReplica: false,
    now: Date.now,
  })
}

test('a worker is ready with a Redis that can be entrusted with jobs, and warns of one that forgets', async () => {
  expect(await readinessWith()()).toEqual({
    ready: true,
    checks: { redis: 'ok', redis_policy: 'ok', redis_scripts: 'ok', draining: 'false', provider_keys: '2' },
    warnings: ['Redis keeps no append-only file: accepted jobs can be lost'],
  })
})

test('a worker is not ready with a Redis that would throw jobs away, or is a replica', async () => {
  const readiness = readinessWith()
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  expect(await readiness()).toMatchObject({ ready: false, checks: { redis_policy: 'evicts_jobs' } })
  await redis.config('SET', 'maxmemory-policy', 'noeviction')
  await redis.replicaof('127.0.0.1', 1)
  expect(await readiness()).toMatchObject({ ready: false, checks: { redis: 'read_only' } })
  await redis.replicaof('NO', 'ONE')
  expect(await readiness()).toMatchObject({ ready: true })
})

test('a worker that drains, or cannot open stored keys, is not ready', async () => {
  expect(await readinessWith({ draining: true })()).toMatchObject({ ready: false, checks: { draining: 'true' } })
  const fault = { provider: 'runway', name: 'a', reason: 'encryption_key_missing', detail: 'k9' } as const
  expect(await readinessWith({ faults: [fault] })()).toMatchObject({
    ready: false,
    checks: { encryption_keys: 'missing' },
  })
})
