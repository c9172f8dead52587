import { randomBytes } from 'node:crypto'
import { Secret } from '@genqueue/contract'
import { createKeys, KeyRests } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { KeyRing, type ProviderKey } from './key-ring.ts'

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

const WEIGHTS = { key_a: 1, key_b: 2, key_c: 5 }
const SAMPLES = 200

/** A ring whose dice show every value from 0 to 1 in turn. */
function openRing(weights: Readonly<Record<string, number>> = WEIGHTS) {
  let roll = 0
  const rests = new KeyRests({ redis, keys: createKeys(`{t${randomBytes(4).toString('hex')}}`) })
  const keys = Object.entries(weights).map(([key, weight]) => ({ key: new Secret(key), weight }))
  const random = () => (roll++ % SAMPLES) / SAMPLES
  return new KeyRing({ keys, rests, random })
}

async function shares(ring: KeyRing, model?: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const pick = await ring.pick(model)
    if (pick.kind !== 'key') throw new Error(`no key: ${pick.kind}`)
    const name = pick.key.key.reveal()
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function keyNamed(ring: KeyRing, name: string): ProviderKey {
  const key = ring.byId(new Secret(name).fingerprint)
  if (!key) throw new Error(`no ${name}`)
  return key
}

test('keys share the work by weight', async () => {
  expect(await shares(openRing())).toEqual({ key_a: 25, key_b: 50, key_c: 125 })
})

test('a key that rests gets nothing, and the others share its part', async () => {
  const ring = openRing()
  await ring.rest(keyNamed(ring, 'key_c'), undefined, 60_000, 'provider_auth')
  const counts = await shares(ring, 'gen4.5')
  expect(Object.keys(counts).toSorted()).toEqual(['key_a', 'key_b'])
  expect(Math.abs((counts.key_a ?? 0) - SAMPLES / 3)).toBeLessThanOrEqual(1)
})

test('a rest for one model leaves the key to the others', async () => {
  const ring = openRing({ key_a: 1 })
  await ring.rest(keyNamed(ring, 'key_a'), 'veo3.1', 60_000, 'rate_limited')
  expect(await ring.pick('veo3.1')).toMatchObject({ kind: 'resting', reason: 'rate_limited' })
  expect(await ring.pick('gen4.5')).toMatchObject({ kind: 'key' })
  expect(await ring.pick(undefined)).toMatchObject({ kind: 'key' })
})

test('when all rest, it says for how long the first does and why', async () => {
  const ring = openRing({ key_a: 1, key_b: 1 })
  await ring.rest(keyNamed(ring, 'key_a'), undefined, 60_000, 'provider_auth')
  await ring.rest(keyNamed(ring, 'key_b'), 'gen4.5', 5_000, 'rate_limited')
  const pick = await ring.pick('gen4.5')
  if (pick.kind !== 'resting') throw new Error(pick.kind)
  expect(pick.reason).toBe('rate_limited')
  expect(pick.restMs).toBeGreaterThan(3_000)
  expect(pick.restMs).toBeLessThanOrEqual(5_000)
})

test('a shorter rest does not end a longer one, even when they begin at once, and a rest ends by itself', async () => {
  const ring = openRing({ key_a: 1, key_b: 1 })
  const [a, b] = [keyNamed(ring, 'key_a'), keyNamed(ring, 'key_b')]
  const rests = Array.from({ length: 20 }, (_, n) => ring.rest(a, undefined, n === 7 ? 60_000 : n + 1, `reason ${n}`))
  await Promise.all(rests)
  await ring.rest(b, undefined, 50, 'provider_auth')
  expect(await ring.pick('gen4.5')).toMatchObject({ kind: 'resting', reason: 'provider_auth' })
  await expect.poll(() => ring.pick('gen4.5'), { interval: 10 }).toMatchObject({ kind: 'key', key: { id: b.id } })
  await ring.rest(b, undefined, 120_000, 'provider_auth')
  expect(await ring.pick('gen4.5')).toMatchObject({ kind: 'resting', reason: 'reason 7' })
})

test('without keys there is nothing to pick, and an unknown key is nobody’s', async () => {
  const ring = openRing({})
  expect(ring.size).toBe(0)
  expect(await ring.pick('gen4.5')).toEqual({ kind: 'none' })
  expect(ring.byId('gone')).toBeUndefined()
})

test('a key of weight 0 gets no new tasks, but is still there for those it has', async () => {
  const ring = openRing({ key_old: 0, key_new: 1 })
  expect(await shares(ring)).toEqual({ key_new: SAMPLES })
  expect(ring.byId(new Secret('key_old').fingerprint)?.key.reveal()).toBe('key_old')
  expect(await openRing({ key_old: 0 }).pick(undefined)).toEqual({ kind: 'none' })
})
