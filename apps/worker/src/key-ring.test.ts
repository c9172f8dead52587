import { randomBytes } from 'node:crypto'
import type { ProviderKeyEntry, ProviderSettings } from '@genqueue/accounts'
import { Secret, type VendorLimits } from '@genqueue/contract'
import { createKeys, KeyRests } from '@genqueue/jobs'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../../../scripts/redis-process.ts'
import { KeyRing, type KeyRingDeps, type ProviderKey } from './key-ring.ts'

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

type Rules = Partial<Omit<ProviderKeyEntry, 'id' | 'value'>>
type Limits = Partial<ProviderSettings['limits']>
const WEIGHTS = { key_a: { weight: 1 }, key_b: { weight: 2 }, key_c: { weight: 5 } }
const SAMPLES = 200
const EVERYTHING: Omit<ProviderKeyEntry, 'id' | 'value' | 'name'> = {
  source: 'stored',
  models: ['*'],
  blacklistedModels: [],
  aliases: {},
  weight: 1,
  enabled: true,
  retired: false,
}

/** A ring whose dice show every value from 0 to 1 in turn. */
function openRing(
  rules: Readonly<Record<string, Rules>> = WEIGHTS,
  { limits = {}, live }: { limits?: Limits; live?: VendorLimits } = {},
) {
  let roll = 0
  const keys = createKeys(`{t${randomBytes(4).toString('hex')}}`)
  const entries = Object.entries(rules).map(([text, rule]): ProviderKeyEntry => {
    const value = new Secret(text)
    return { id: value.fingerprint, name: text, value, ...EVERYTHING, ...rule }
  })
  const settings: ProviderSettings = {
    provider: 'runway',
    timeouts: {},
    limits: { perModel: {}, ...limits },
    keys: entries,
  }
  const book: KeyRingDeps['book'] = {
    settings: () => settings,
    byId: (_, id) => entries.find((entry) => entry.id === id),
  }
  const ring = new KeyRing({
    provider: 'runway',
    book,
    rests: new KeyRests({ redis, keys }),
    limitsOf: async () => live,
    random: () => (roll++ % SAMPLES) / SAMPLES,
  })
  const take = (name: string, lane: string, count: number) =>
    redis.sadd(keys.slots(new Secret(name).fingerprint, lane), ...Array.from({ length: count }, (_, n) => `job_${n}`))
  return Object.assign(ring, { take })
}

async function shares(ring: KeyRing, model?: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const pick = await ring.pick(model, '*')
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

const rest = (ring: KeyRing, name: string, model: string | undefined, restMs: number, reason: string) =>
  ring.rest(keyNamed(ring, name), model, { restMs, reason })

const limited = (model: string, maxConcurrent: number): VendorLimits => ({
  credits: 100,
  models: { [model]: { maxConcurrent, maxPerDay: null, usedToday: 0 } },
})

test('keys share the work by weight', async () => {
  expect(await shares(openRing())).toEqual({ key_a: 25, key_b: 50, key_c: 125 })
})

test('a key that rests gets nothing, and the others share its part', async () => {
  const ring = openRing()
  await rest(ring, 'key_c', undefined, 60_000, 'provider_auth')
  const counts = await shares(ring, 'gen4.5')
  expect(Object.keys(counts).toSorted()).toEqual(['key_a', 'key_b'])
  expect(Math.abs((counts.key_a ?? 0) - SAMPLES / 3)).toBeLessThanOrEqual(1)
})

test('a rest for one model leaves the key to the others', async () => {
  const ring = openRing({ key_a: { aliases: { ours: 'veo3.1' } } })
  await rest(ring, 'key_a', 'veo3.1', 60_000, 'rate_limited')
  expect(await ring.pick('veo3.1', 'veo3.1')).toMatchObject({ kind: 'resting', reason: 'rate_limited' })
  expect(await ring.pick('ours', '*')).toMatchObject({ kind: 'resting', reason: 'rate_limited' })
  expect(await ring.pick('gen4.5', 'gen4.5')).toMatchObject({ kind: 'key' })
  expect(await ring.pick(undefined, '*')).toMatchObject({ kind: 'key' })
})

test('when all rest, it says for how long the first does and why', async () => {
  const ring = openRing({ key_a: {}, key_b: {} })
  await rest(ring, 'key_a', undefined, 60_000, 'provider_auth')
  await rest(ring, 'key_b', 'gen4.5', 5_000, 'rate_limited')
  const pick = await ring.pick('gen4.5', 'gen4.5')
  if (pick.kind !== 'resting') throw new Error(pick.kind)
  expect(pick.reason).toBe('rate_limited')
  expect(pick.restMs).toBeGreaterThan(3_000)
  expect(pick.restMs).toBeLessThanOrEqual(5_000)
  expect(await ring.capacity('gen4.5', 'gen4.5')).toMatchObject({ free: 0, reason: 'rate_limited' })
})

test('a shorter rest does not end a longer one, even when they begin at once, and a rest ends by itself', async () => {
  const ring = openRing({ key_a: {}, key_b: {} })
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => rest(ring, 'key_a', undefined, n === 7 ? 60_000 : n + 1, `reason ${n}`)),
  )
  await rest(ring, 'key_b', undefined, 50, 'provider_auth')
  const pick = () => ring.pick('gen4.5', 'gen4.5')
  expect(await pick()).toMatchObject({ kind: 'resting', reason: 'provider_auth' })
  await expect.poll(pick, { interval: 10 }).toMatchObject({ kind: 'key', key: { id: keyNamed(ring, 'key_b').id } })
  await rest(ring, 'key_b', undefined, 120_000, 'provider_auth')
  expect(await pick()).toMatchObject({ kind: 'resting', reason: 'reason 7' })
})

test('a key that is refused again and again rests twice as long each time, and once for refusals that come at once', async () => {
  const ring = openRing({ key_a: {} })
  const park = () => ring.rest(keyNamed(ring, 'key_a'), undefined, { restMs: 20, reason: 'auth', longestMs: 100 })
  const spans: number[] = []
  for (let round = 0; round < 4; round += 1) {
    const parks = await Promise.all([park(), park(), park()])
    expect(parks.filter(({ isNew }) => isNew)).toHaveLength(1)
    spans.push(Math.max(...parks.map(({ restMs }) => restMs)))
    await expect.poll(() => ring.pick(undefined, '*'), { interval: 5 }).toMatchObject({ kind: 'key' })
  }
  expect(spans).toEqual([20, 40, 80, 100])
})

test('without keys there is nothing to pick, and an unknown key is nobody’s', async () => {
  const ring = openRing({})
  expect(ring.size).toBe(0)
  expect(await ring.pick('gen4.5', 'gen4.5')).toEqual({ kind: 'none' })
  expect(await ring.capacity('gen4.5', 'gen4.5')).toMatchObject({ free: 0, reason: 'provider_configuration' })
  expect(ring.byId('gone')).toBeUndefined()
})

test.each<[string, Rules]>([
  ['of weight 0', { weight: 0 }],
  ['that is disabled', { enabled: false }],
  ['that was replaced', { retired: true }],
])('a key %s gets no new tasks, but is still there for those it has', async (_, rule) => {
  const ring = openRing({ key_old: rule, key_new: {} })
  expect(await shares(ring)).toEqual({ key_new: SAMPLES })
  expect(keyNamed(ring, 'key_old').key.reveal()).toBe('key_old')
  expect(await openRing({ key_old: rule }).pick(undefined, '*')).toEqual({ kind: 'none' })
})

test('a key never serves a model that it may not, whatever the rules say', async () => {
  const model = fc.constantFrom<string[]>('a', 'b', 'c', 'alias')
  const rule = fc.record({
    models: fc.oneof(fc.constant<string[]>(['*']), fc.uniqueArray(model)),
    blacklistedModels: fc.uniqueArray(model, { maxLength: 2 }),
    weight: fc.constantFrom(0, 0.5, 3),
    enabled: fc.boolean(),
    retired: fc.boolean(),
    aliases: fc.constantFrom<Record<string, string>>({}, { alias: 'b' }),
  })
  const rules = fc.dictionary(fc.stringMatching(/^key_[a-z]{4}$/), rule, { maxKeys: 4 })
  await fc.assert(
    fc.asyncProperty(rules, model, async (named, asked) => {
      const may = Object.entries(named).filter(([, it]) => {
        const names = [asked, it.aliases[asked] ?? asked]
        const isListed = it.models.includes('*') || names.some((name) => it.models.includes(name))
        const isBarred = names.some((name) => it.blacklistedModels.includes(name))
        return isListed && !isBarred && it.weight > 0 && it.enabled && !it.retired
      })
      const pick = await openRing(named).pick(asked, '*')
      if (pick.kind === 'key') expect(may.map(([name]) => name)).toContain(pick.key.key.reveal())
      else expect({ kind: pick.kind, may }).toEqual({ kind: 'none', may: [] })
    }),
    { numRuns: 200 },
  )
})

test('a key with as many tasks as the vendor allows gets no more, and the others take them', async () => {
  const ring = openRing({ key_a: { weight: 100 }, key_b: {} }, { live: limited('gen4.5', 2) })
  await ring.take('key_a', 'gen4.5', 2)
  expect(await ring.pick('gen4.5', 'gen4.5')).toMatchObject({
    kind: 'key',
    limit: 2,
    key: { id: keyNamed(ring, 'key_b').id },
  })
  expect(await ring.capacity('gen4.5', 'gen4.5')).toEqual({ free: 2, heldMs: 0 })
  await ring.take('key_b', 'gen4.5', 3)
  expect(await ring.pick('gen4.5', 'gen4.5')).toEqual({ kind: 'full' })
  expect(await ring.capacity('gen4.5', 'gen4.5')).toEqual({ free: 0, heldMs: 0 })
  expect(await ring.pick('gen4_turbo', 'gen4_turbo')).toMatchObject({ kind: 'key', limit: undefined })
  expect(await ring.capacity('gen4_turbo', 'gen4_turbo')).toEqual({ free: undefined, heldMs: 0 })
})

test('a lane of many models has room as long as a key serves one of them', async () => {
  const ring = openRing({ key_a: { models: ['runware:101@1'] } })
  expect(await ring.capacity('*', undefined)).toEqual({ free: undefined, heldMs: 0 })
  expect(await ring.pick('runware:101@1', '*')).toMatchObject({ kind: 'key' })
  expect(await ring.pick('other', '*')).toEqual({ kind: 'none' })
  expect(await ring.pick(undefined, '*')).toEqual({ kind: 'none' })
})

test('what the operator says goes before what the vendor says, by model first', async () => {
  const live = limited('gen4.5', 2)
  const limitOf = async (limits: Limits, lane: string) => {
    const pick = await openRing({ key_a: {} }, { live, limits }).pick(lane, lane)
    return pick.kind === 'key' ? pick.limit : pick.kind
  }
  expect(await limitOf({}, 'gen4.5')).toBe(2)
  expect(await limitOf({ concurrency: 7 }, 'gen4.5')).toBe(7)
  expect(await limitOf({ concurrency: 7, perModel: { 'gen4.5': { concurrency: 9 } } }, 'gen4.5')).toBe(9)
  expect(await limitOf({ concurrency: 7, perModel: { 'gen4.5': { concurrency: 9 } } }, 'veo3')).toBe(7)
  expect(await limitOf({ concurrency: 0 }, 'gen4.5')).toBe('full')
})

test.each(['*', '!', 'm:gen4.5'])('a rest for a model called %s holds no other model', async (model) => {
  const ring = openRing({ key_a: {} })
  await ring.rest({ id: new Secret('key_a').fingerprint }, model, { restMs: 60_000, reason: 'rate_limited' })
  expect(await ring.pick(model, '*')).toMatchObject({ kind: 'resting' })
  expect(await ring.pick('gen4.5', 'gen4.5')).toMatchObject({ kind: 'key' })
})
