import { randomBytes } from 'node:crypto'
import type { ProviderKeyEntry } from '@genqueue/accounts'
import { Secret } from '@genqueue/contract'
import { createKeys, KeyLimits, KeyRests } from '@genqueue/jobs'
import { createLog } from '@genqueue/log'
import type { LimitsOutcome, Provider } from '@genqueue/providers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { LimitsWatch } from './limits-watch.ts'

let server: RedisProcess
let redis: Redis
beforeAll(async () => {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  server = await startRedis({ binary })
  redis = new Redis(server.url, { maxRetriesPerRequest: null })
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

const told = (maxConcurrent: number, usedToday = 0, credits = 100): LimitsOutcome => ({
  kind: 'known',
  limits: { credits, models: { 'gen4.5': { maxConcurrent, maxPerDay: 10, usedToday } } },
})

/** Workers that share a Redis and a key, over a vendor that answers what the test says. */
function openWorld(speed: number) {
  const keys = createKeys(`{t${randomBytes(4).toString('hex')}}`)
  const value = new Secret('key_a')
  const entry: ProviderKeyEntry = {
    id: value.fingerprint,
    name: 'first',
    value,
    source: 'stored',
    models: ['*'],
    blacklistedModels: [],
    aliases: {},
    weight: 1,
    enabled: true,
    retired: false,
  }
  const world = { answer: told(3), asked: 0, entries: [entry], listeners: new Set<(name: 'runway') => void>() }
  const lines: string[] = []
  const { log } = createLog({ service: 'test', level: 'info', destination: { write: (line) => lines.push(line) } })
  const limits = async () => {
    world.asked += 1
    return world.answer
  }
  const notCalled = () => Promise.reject(new Error('only limits are asked for'))
  const provider: Provider = {
    name: 'runway',
    submit: notCalled,
    poll: notCalled,
    cancel: notCalled,
    prepareInput: notCalled,
    limits,
  }
  const rests = new KeyRests({ redis, keys })
  const open = () => {
    const watch = new LimitsWatch({
      name: 'runway',
      provider: () => provider,
      book: {
        settings: () => ({ provider: 'runway', timeouts: {}, limits: { perModel: {} }, keys: world.entries }),
        byId: () => undefined,
        onChange(listener) {
          world.listeners.add(listener)
          return () => world.listeners.delete(listener)
        },
      },
      limits: new KeyLimits({ redis, keys }),
      rests,
      timeoutMs: () => 1_000,
      speed,
      log,
      now: Date.now,
      random: Math.random,
    })
    onTestFinished(() => watch.stop())
    return watch
  }
  return { world, open, rests, entry, lines }
}

test('one worker asks, and all know', async () => {
  const { world, open, entry } = openWorld(1)
  const watches = [open(), open(), open()]
  const known = await Promise.all(watches.map((watch) => watch.of(entry.id)))
  expect(known.map((limits) => limits?.models['gen4.5']?.maxConcurrent)).toEqual([3, 3, 3])
  expect(world.asked).toBe(1)
  expect(await watches[0]?.of('unknown')).toBeUndefined()
})

test('limits are read again, those of a new key at once, and when that fails the last ones count', async () => {
  const { world, open, entry, lines } = openWorld(1_000)
  const watch = open()
  watch.start()
  const limit = async () => (await watch.of(entry.id))?.models['gen4.5']?.maxConcurrent
  await expect.poll(limit, { interval: 5 }).toBe(3)
  world.answer = told(7)
  await expect.poll(limit, { interval: 5 }).toBe(7)
  const before = world.asked
  world.answer = { kind: 'error', reason: 'unavailable', detail: 'HTTP 500' }
  await expect.poll(() => world.asked, { interval: 5 }).toBeGreaterThan(before + 2)
  expect(await limit()).toBe(7)
  world.answer = told(8)
  await expect.poll(limit, { interval: 5 }).toBe(8)
  expect(lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('are read again'))).toHaveLength(1)
})

test('without any answer there is no limit, and nobody waits for one', async () => {
  const { world, open, entry } = openWorld(1)
  world.answer = { kind: 'error', reason: 'protocol', detail: 'garbage' }
  const watch = open()
  expect(await watch.of(entry.id)).toBeUndefined()
  expect(await watch.of(entry.id)).toBeUndefined()
  expect(world.asked).toBe(1)
})

test('a model whose day is used up rests, a key without credits rests wholly, both until there is room again', async () => {
  const { world, open, entry, rests, lines } = openWorld(1_000)
  world.answer = told(3, 10)
  const watch = open()
  watch.start()
  const reasons = async () => (await rests.of(entry.id, Date.now())).map(({ model, reason }) => [model, reason])
  await expect.poll(reasons, { interval: 5 }).toEqual([['gen4.5', 'quota_exceeded']])
  world.answer = told(3, 9, 0)
  await expect.poll(reasons, { interval: 5 }).toEqual([[undefined, 'quota_exceeded']])
  world.answer = told(3, 9)
  await expect.poll(reasons, { interval: 5, timeout: 3_000 }).toEqual([])
  expect(lines.filter((line) => line.includes('no credits'))).toHaveLength(1)
})
