import { Secret } from '@genqueue/contract'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { BY, encryptionKey, key, LITERAL, openProviderKeys } from './provider-keys-fixture.ts'

type House = Awaited<ReturnType<typeof openProviderKeys>>
let house: House
beforeAll(async () => {
  house = await openProviderKeys()
})
afterAll(() => house.close())
beforeEach(() => house.clear())

const idOf = (value: string) => new Secret(value).fingerprint
const SOON = { timeout: 1_000, interval: 10 }

test('a change by one process is known to another within a second, and told to who listens', async () => {
  const { book } = await house.book()
  const heard = vi.fn()
  book.onChange(heard)
  expect(book.settings('runway').keys).toEqual([])
  const { keys } = house.admin()
  const made = await keys.add('runway', key('a', LITERAL, { weight: 2, aliases: { fast: 'gen4_turbo' } }), BY)
  await vi.waitFor(() => expect(book.byId('runway', idOf(LITERAL))?.value.reveal()).toBe(LITERAL), SOON)
  expect(book.byId('runway', idOf(LITERAL))).toMatchObject({
    name: 'a',
    source: 'stored',
    models: ['*'],
    aliases: { fast: 'gen4_turbo' },
    weight: 2,
    enabled: true,
    retired: false,
  })
  expect(heard).toHaveBeenCalledExactlyOnceWith('runway')
  expect(book.settings('runware').keys).toEqual([])
  await keys.remove('runway', made.id, BY)
  await vi.waitFor(() => expect(book.byId('runway', idOf(LITERAL))?.retired).toBe(true), SOON)
  expect(book.byId('runway', idOf(LITERAL))?.value.reveal()).toBe(LITERAL)
})

test('what changed while the subscription was broken is known when it is back', async () => {
  const { book, subscriber } = await house.book()
  subscriber.disconnect(false)
  await house.admin().keys.add('runway', key('a', LITERAL), BY)
  expect(book.settings('runway').keys).toEqual([])
  await subscriber.connect()
  await vi.waitFor(() => expect(book.settings('runway').keys).toHaveLength(1), SOON)
})

test('what no message told is found by reading again', async () => {
  const { book, subscriber } = await house.book({}, 50)
  subscriber.disconnect(false)
  await house.admin().keys.add('runway', key('a', LITERAL), BY)
  await vi.waitFor(() => expect(book.settings('runway').keys).toHaveLength(1), SOON)
})

test('a value stands once: a stored key goes before the one of the environment', async () => {
  const env = { RUNWAY_API_KEY: 'key_one@3,key_two' }
  const { book } = await house.book({ env })
  expect(book.settings('runway').keys.map(({ name, weight, source }) => [name, weight, source])).toEqual([
    ['RUNWAY_API_KEY', 3, 'environment'],
    ['RUNWAY_API_KEY 2', 1, 'environment'],
  ])
  const { keys } = house.admin({ env })
  const made = await keys.add('runway', key('mine', 'key_two_', { enabled: false }), BY)
  await keys.replace('runway', made.id, key('mine', 'env.RUNWAY_KEY_2'), BY)
  await house.admin({ env: { ...env, RUNWAY_KEY_2: 'key_two' } }).keys.add('runway', key('b', 'env.RUNWAY_KEY_3'), BY)
  const other = await house.book({ env: { ...env, RUNWAY_KEY_2: 'key_two' } })
  expect(other.book.settings('runway').keys.map(({ name, source, retired }) => [name, source, retired])).toEqual([
    ['mine', 'stored', false],
    ['RUNWAY_API_KEY', 'environment', false],
    ['mine', 'stored', true],
  ])
  expect(other.book.faults()).toEqual([
    { provider: 'runway', name: 'b', reason: 'variable_unset', detail: 'RUNWAY_KEY_3 is not set' },
  ])
})

test('the settings of a provider are those that were written, and gone with it', async () => {
  const { book } = await house.book()
  const { providers } = house.admin()
  const limits = { gen4_turbo: { concurrency: 2, per_day: 100 } }
  const settings = { base_url: 'https://proxy.example', concurrency: 5, limits, timeouts: { submit_seconds: 30 } }
  await providers.create({ provider: 'runway', keys: [], ...settings }, BY)
  await vi.waitFor(
    () =>
      expect(book.settings('runway')).toEqual({
        provider: 'runway',
        baseUrl: 'https://proxy.example',
        timeouts: { submitMs: 30_000 },
        limits: { concurrency: 5, perModel: { gen4_turbo: { concurrency: 2, perDay: 100 } } },
        keys: [],
      }),
    SOON,
  )
  await providers.remove('runway', BY)
  await vi.waitFor(() => expect(book.settings('runway')).not.toHaveProperty('baseUrl'), SOON)
  expect(await house.redis.keys('*')).toEqual([])
})

test('a key that cannot be opened is told, and the others go on', async () => {
  const { keys } = house.admin()
  await keys.add('runway', key('good', LITERAL), BY)
  await house
    .admin({ encryptionKeys: [encryptionKey('k9'), house.kek] })
    .keys.add('runway', key('new', `${LITERAL}9`), BY)
  const text = (await house.redis.hget('{t}:provider:runway', 'document')) ?? ''
  const { book } = await house.book()
  expect(book.settings('runway').keys.map(({ name }) => name)).toEqual(['good'])
  expect(book.faults()).toEqual([{ provider: 'runway', name: 'new', reason: 'encryption_key_missing', detail: 'k9' }])
  // Somebody who can write to Redis gives one key the name of the other.
  await house.redis.hset('{t}:provider:runway', 'rev', 'x', 'document', text.replaceAll('"pk_', '"pk_x'))
  await book.refresh()
  expect(book.faults().map(({ name, reason }) => [name, reason])).toEqual([
    ['good', 'damaged'],
    ['new', 'encryption_key_missing'],
  ])
  expect(JSON.stringify([book.settings('runway'), book.faults()])).not.toContain(LITERAL)
})

test('while Redis is away the last snapshot stays in use', async () => {
  const own = await openProviderKeys()
  await own.admin().keys.add('runway', key('a', LITERAL), BY)
  const { book, subscriber } = await own.book({}, 20)
  await own.server.stop()
  await vi.waitFor(() => expect(subscriber.status).toBe('reconnecting'), SOON)
  expect(book.byId('runway', idOf(LITERAL))?.value.reveal()).toBe(LITERAL)
  await own.close()
})
