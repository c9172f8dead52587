import { createKeys } from '@genqueue/jobs'
import { createLog } from '@genqueue/log'
import { expect, onTestFinished, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { connectRedis } from './redis.ts'
import { createStageRunner } from './run-stage.ts'

test('a runner that is closed while Redis is away closes all the same', async () => {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const redis = connectRedis(server.url)
  redis.on('error', () => {})
  const { log, close: closeLog } = createLog({ service: 'test', level: 'silent' })
  onTestFinished(async () => {
    redis.disconnect()
    closeLog()
    await server.stop()
  })
  const runner = createStageRunner('copy', 1, async () => ({ kind: 'done', note: 'never' }), {
    ...{ redis, keys: createKeys('{t}'), log, now: Date.now, random: Math.random },
    ...{ lockDurationMs: 1_000, stalledIntervalMs: 1_000, closesWithinMs: 300 },
  })
  const ended = runner.run()
  ended.catch(() => {})
  await runner.waitUntilReady()
  await expect.poll(async () => Number(/^blocked_clients:(\d+)/m.exec(await redis.info('clients'))?.[1])).toBe(1)
  const lost = new Promise<void>((resolve) => runner.once('ioredis:close', () => resolve()))
  await server.kill('SIGKILL')
  await lost
  const outcome = await Promise.race([
    runner.close().then(() => 'closed'),
    new Promise((resolve) => setTimeout(resolve, 1_500, 'still closing').unref()),
  ])
  expect(outcome).toBe('closed')
})
