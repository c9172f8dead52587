import { Secret } from '@genqueue/contract'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Envelope } from '../envelope/envelope.ts'
import { BY, encryptionKey, key, LITERAL, openProviderKeys } from './provider-keys-fixture.ts'
import { missingKids, rewrapKeys, sweepRetired } from './upkeep.ts'

type House = Awaited<ReturnType<typeof openProviderKeys>>
let house: House
beforeAll(async () => {
  house = await openProviderKeys()
})
afterAll(() => house.close())
beforeEach(() => house.clear())

const idOf = (value: string) => new Secret(value).fingerprint
const literal = (n: number) => `key_${String(n).padStart(40, '0')}`
const MINUTE_MS = 60_000

test("two administrators do not lose each other's change", async () => {
  const [one, other] = [house.admin(), house.admin()]
  const names = Array.from({ length: 20 }, (_, n) => `key-${n}`)
  await Promise.all(names.map((name, n) => (n % 2 ? one : other).keys.add('runway', key(name, literal(n)), BY)))
  const { keys, revision } = await one.providers.get('runway')
  expect(keys.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  await other.keys.remove('runway', keys[0]?.id ?? '', BY)
  await expect(one.providers.replace('runway', { keys: [], revision }, BY)).rejects.toMatchObject({
    code: 'revision_mismatch',
    status: 412,
  })
  expect((await one.providers.get('runway')).keys).toHaveLength(19)
})

test('a provider with as many keys as it may have can be sent back as shown; one more is refused by any route', async () => {
  const { providers, keys } = house.admin({ env: { RUNWAY_API_KEY: literal(99) } })
  const all = Array.from({ length: 64 }, (_, n) => key(`k${n}`, literal(n)))
  const shown = await providers.create({ provider: 'runway', keys: all }, BY)
  expect(shown.keys).toHaveLength(65)
  const refusal = { code: 'invalid_request', param: 'keys', status: 400 }
  await expect(keys.add('runway', key('more', literal(100)), BY)).rejects.toMatchObject(refusal)
  const more = [...shown.keys, key('more', literal(100))]
  await expect(providers.replace('runway', { keys: more }, BY)).rejects.toMatchObject(refusal)
  expect((await providers.replace('runway', { keys: shown.keys }, BY)).keys).toEqual(shown.keys)
})

test('a replaced value stays for the jobs that were submitted with it, and goes when they have ended', async () => {
  const { providers, keys } = house.admin()
  const sources = house.sourcesOf({})
  const { id } = await keys.add('runway', key('a', literal(1)), BY)
  await house.redis.sadd(`{t}:users:${idOf(literal(1))}`, 'job_1', 'job_2')
  await keys.replace('runway', id, key('a', literal(2)), BY)
  const { book } = await house.book()
  const states = () => book.settings('runway').keys.map(({ id: at, retired }) => [at, retired])
  expect(states()).toEqual([
    [idOf(literal(2)), false],
    [idOf(literal(1)), true],
  ])
  const deleted = await keys.remove('runway', id, BY)
  expect(deleted.retired).toMatchObject([{ fingerprint: idOf(literal(2)), jobs: { count: 0, ids: [] } }])
  const [retired] = (await providers.get('runway')).retired
  expect({ ...retired, jobs: retired?.jobs.ids.toSorted() }).toMatchObject({ key_id: id, jobs: ['job_1', 'job_2'] })

  const sweep = (afterMs: number) => sweepRetired({ ...house, sources, nowMs: house.clock.nowMs + afterMs })
  // A process that has not heard of the change may still be submitting.
  expect(await sweep(MINUTE_MS)).toBe(0)
  expect(await sweep(6 * MINUTE_MS)).toBe(1)
  await book.refresh()
  expect(states()).toEqual([[idOf(literal(1)), true]])
  await house.redis.srem(`{t}:users:${idOf(literal(1))}`, 'job_1', 'job_2')
  expect(await sweep(6 * MINUTE_MS)).toBe(1)
  await providers.remove('runway', BY)
  expect(await house.redis.keys('{t}:provider:*')).toEqual([])
})

test('a deleted provider keeps the values of its running jobs, also when it is set up again', async () => {
  const { providers } = house.admin()
  await providers.create({ provider: 'runway', keys: [key('a', literal(1))] }, BY)
  await house.redis.sadd(`{t}:users:${idOf(literal(1))}`, 'job_1')
  const deleted = await providers.remove('runway', BY)
  expect(deleted.retired).toMatchObject([{ name: 'a', jobs: { count: 1, ids: ['job_1'] } }])
  await expect(providers.get('runway')).rejects.toMatchObject({ code: 'not_found' })
  await providers.create({ provider: 'runway', keys: [key('b', literal(2))] }, BY)
  const { book } = await house.book()
  expect(book.byId('runway', idOf(literal(1)))).toMatchObject({ retired: true, enabled: false, weight: 0, models: [] })
  // The old value is wanted again: it is no longer retired.
  await providers.replace('runway', { keys: [key('b', literal(2)), key('a', literal(1))] }, BY)
  await book.refresh()
  expect(book.byId('runway', idOf(literal(1)))).toMatchObject({ retired: false, enabled: true })
  expect((await providers.get('runway')).retired).toEqual([])
})

test('a changed rule or name keeps the stored value as it lies', async () => {
  const { keys } = house.admin()
  const { id, value } = await keys.add('runway', key('a', literal(1)), BY)
  const sealed = async () => (await house.store.read('runway'))?.keys.map((stored) => stored.value)
  const before = await sealed()
  await keys.replace('runway', id, key('b', value, { enabled: false }), BY)
  await keys.replace('runway', id, key('b', literal(1), { weight: 0 }), BY)
  expect(await sealed()).toEqual(before)
  expect((await house.store.read('runway'))?.retired).toEqual([])
})

test('secrets move to a new encryption key while administrators change them, and none is lost', async () => {
  const [oldKek, newKek] = [house.kek, encryptionKey('k2')]
  const old = house.admin({ encryptionKeys: [oldKek, newKek] })
  const now = house.admin({ encryptionKeys: [newKek, oldKek] })
  await old.providers.create(
    { provider: 'runway', keys: Array.from({ length: 20 }, (_, n) => key(`k${n}`, literal(n))) },
    BY,
  )
  const { book } = await house.book({ encryptionKeys: [oldKek, newKek] })
  const envelope = new Envelope([newKek, oldKek])
  const seen: number[] = []
  book.onChange(() => seen.push(book.settings('runway').keys.filter(({ retired }) => !retired).length))
  const ids = (await old.keys.list('runway')).map(({ id }) => id)
  await Promise.all([
    ...ids.slice(0, 10).map((id, n) => old.keys.replace('runway', id, key(`k${n}`, literal(100 + n)), BY)),
    ...Array.from({ length: 5 }, () => rewrapKeys(house.store, envelope)),
    ...ids.slice(10, 15).map((id, n) => now.keys.replace('runway', id, key(`k${10 + n}`, literal(200 + n)), BY)),
  ])
  expect((await rewrapKeys(house.store, envelope)).failed).toEqual([])
  expect(await rewrapKeys(house.store, envelope)).toEqual({ rewrapped: 0, failed: [] })
  expect(missingKids(await house.store.readAll(), Envelope.of([newKek]))).toEqual([])
  expect(missingKids(await house.store.readAll(), Envelope.of([oldKek]))).toEqual(['k2'])
  expect(missingKids(await house.store.readAll(), undefined)).toEqual(['k2'])
  // At no moment could a process that has both keys not read all of them.
  expect(new Set(seen)).toEqual(new Set([20]))
  const alone = await house.book({ encryptionKeys: [newKek] })
  expect(alone.book.faults()).toEqual([])
  const wanted = ids.map((_, n) => literal(n < 10 ? 100 + n : n < 15 ? 190 + n : n))
  const active = alone.book.settings('runway').keys.filter(({ retired }) => !retired)
  expect(active.map(({ value }) => value.reveal())).toEqual(wanted)
  expect(alone.book.settings('runway').keys).toHaveLength(35)
})

test('every change is noted with who did it, and never with a value', async () => {
  const { providers, keys } = house.admin({ env: { RUNWAY_API_KEY: LITERAL } })
  await providers.create({ provider: 'runway', keys: [key('a', `${LITERAL}1`), key('b', 'env.RUNWAY_API_KEY')] }, BY)
  const { id } = await keys.add('runway', key('c', `${LITERAL}2`), BY)
  await keys.replace('runway', id, key('c', `${LITERAL}3`), BY)
  await keys.remove('runway', id, BY)
  await providers.replace('runway', { keys: [] }, BY)
  await providers.remove('runway', BY)
  expect(house.audited.map(({ action }) => action)).toEqual([
    'provider.create',
    'provider_key.create',
    'provider_key.replace',
    'provider_key.delete',
    'provider.replace',
    'provider.delete',
  ])
  expect(house.audited.every(({ actor, requestId }) => actor === 'tests' && requestId === 'req_1')).toBe(true)
  expect(JSON.stringify(house.audited)).not.toContain(LITERAL)
})
