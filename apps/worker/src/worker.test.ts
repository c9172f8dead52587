import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKeys, Jobs, openQueues } from '@genqueue/jobs'
import type { Provider, SubmitOutcome } from '@genqueue/providers'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { readWorkerConfig } from './config.ts'
import type { Seams } from './outside.ts'
import { startWorker } from './worker.ts'

/** A worker of its own with all it needs; what it opened is closed with the test. */
async function openWorker(seams: Seams = {}) {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const folder = await mkdtemp(join(tmpdir(), 'genqueue-worker-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const server = await startRedis({ binary })
  onTestFinished(() => server.stop())
  const config = readWorkerConfig({
    REDIS_URL: server.url,
    STORAGE_URL: `file://${folder}`,
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    RUNWAY_API_KEY: 'key_test',
    HEALTH_PORT: '0',
  })
  const worker = await startWorker(config, pino({ level: 'silent' }), seams)
  onTestFinished(() => worker.stop())
  const ask = async (path: string) => {
    const response = await fetch(worker.healthUrl + path)
    return { status: response.status, body: await response.json() }
  }
  return { server, config, worker, ask }
}

async function acceptJob(redisUrl: string, prefix: string): Promise<void> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null })
  const keys = createKeys(prefix)
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
  await jobs.accept({
    team: 'default',
    provider: 'runway',
    operation: 'text_to_video',
    model: 'gen4.5',
    kind: 'video',
    door: 'jobs',
    request: {
      body: { model: 'gen4.5' },
      display: {},
      metadata: {},
      onSubmissionUnknown: 'fail',
      deadlines: { queueMs: 60_000, throttledMs: 60_000, runningMs: 60_000 },
      retentionMs: 60_000,
      inputs: [],
    },
  })
  await queues.close()
  redis.disconnect()
}

test('a worker whose Redis hangs is alive and not ready, and ready again when it answers', async () => {
  const { server, ask } = await openWorker()
  expect(await ask('/readyz')).toMatchObject({ status: 200, body: { checks: { redis: 'ok', provider_keys: '1' } } })
  await server.kill('SIGSTOP')
  expect((await ask('/livez')).status).toBe(200)
  expect(await ask('/readyz')).toMatchObject({ status: 503, body: { checks: { redis: 'unavailable' } } })
  await server.kill('SIGCONT')
  await expect.poll(async () => (await ask('/readyz')).status).toBe(200)
})

test('a worker that drains is alive and not ready until what is under way has ended; stopping twice is stopping once', async () => {
  const sent = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<SubmitOutcome>()
  const provider = (real: Provider): Provider => ({
    ...real,
    submit: () => {
      sent.resolve()
      return answer.promise
    },
  })
  const { server, config, worker, ask } = await openWorker({ provider })
  await acceptJob(server.url, config.KEY_PREFIX)
  await sent.promise
  const stopped = worker.stop()
  expect(worker.stop()).toBe(stopped)
  expect(await ask('/readyz')).toMatchObject({ status: 503, body: { checks: { redis: 'ok', draining: 'true' } } })
  expect((await ask('/livez')).status).toBe(200)
  answer.resolve({ kind: 'accepted', taskId: 'task-1' })
  await stopped
  await expect(fetch(worker.healthUrl)).rejects.toThrow()
})
