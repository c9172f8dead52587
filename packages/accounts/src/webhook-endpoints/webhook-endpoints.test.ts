import { createSecretKey, randomBytes } from 'node:crypto'
import { ProblemError, type Secret, webhookKey } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AccountsHouse, openAccountsHouse } from '../accounts-fixture.ts'
import { Envelope } from '../envelope/envelope.ts'
import { EndpointBook } from './endpoint-book.ts'
import { WebhookEndpoints } from './webhook-endpoints.ts'

const OLD = { kid: 'old', key: createSecretKey(randomBytes(32)) }
const NEW = { kid: 'new', key: createSecretKey(randomBytes(32)) }
const DAY_MS = 86_400_000
const SETTINGS = { name: 'ours', url: 'https://hooks.example.com/', subscriptions: ['job.failed', 'video.*'] }

let house: AccountsHouse
const clock = { nowMs: Date.UTC(2026, 10, 1) }
const now = () => clock.nowMs
beforeAll(async () => {
  house = await openAccountsHouse()
})
afterAll(() => house.close())

function endpointsWith(envelope: Envelope | undefined) {
  return new WebhookEndpoints({ redis: house.redis, prefix: house.prefix, envelope, maxPerTeam: 20, now })
}

/** What a worker knows; its cache lives by the real clock and what it hears, its secrets by the test's. */
async function openBook(envelope: Envelope | undefined) {
  const { changes } = await house.openProcess()
  return new EndpointBook({ redis: house.redis, prefix: house.prefix, envelope, changes, now })
}

const keysOf = (...secrets: Secret[]) => secrets.map((secret) => webhookKey(secret.reveal()))

test('a replaced secret signs for a day if it is kept, and not at all if it is not', async () => {
  const endpoints = endpointsWith(new Envelope([OLD]))
  const book = await openBook(new Envelope([OLD]))
  const first = await endpoints.create('acme', SETTINGS)
  if (!first) throw new Error('expected an endpoint')
  const { id } = first.record
  const target = () => book.target('acme', id)
  expect(await target()).toEqual({ kind: 'open', url: SETTINGS.url, keys: keysOf(first.secret) })

  const second = await endpoints.rotate('acme', id, { keepOld: true })
  if (!second) throw new Error('expected a secret')
  const both = { kind: 'open', url: SETTINGS.url, keys: keysOf(second.secret, first.secret) }
  await expect.poll(target, { interval: 5 }).toEqual(both)
  clock.nowMs += DAY_MS - 1
  expect(await target()).toEqual(both)
  clock.nowMs += 1
  expect(await target()).toEqual({ kind: 'open', url: SETTINGS.url, keys: keysOf(second.secret) })

  const third = await endpoints.rotate('acme', id, { keepOld: false })
  await expect
    .poll(target, { interval: 5 })
    .toEqual({ kind: 'open', url: SETTINGS.url, keys: keysOf(third?.secret ?? first.secret) })
  expect((await endpoints.get('acme', id))?.secrets).toHaveLength(1)
})

test('a new address, a disabled and a deleted endpoint are known to every process at once', async () => {
  const endpoints = endpointsWith(new Envelope([OLD]))
  const book = await openBook(new Envelope([OLD]))
  const made = await endpoints.create('acme', SETTINGS)
  const id = made?.record.id ?? ''
  const kind = async () => (await book.target('acme', id))?.kind
  expect(await kind()).toBe('open')
  expect(await book.target('other', id)).toBeUndefined()

  await endpoints.update('acme', id, (before) => ({ ...before, url: 'https://new.example.com/' }))
  await expect.poll(() => book.target('acme', id), { interval: 5 }).toMatchObject({ url: 'https://new.example.com/' })
  const off = await endpoints.update('acme', id, (before) => ({ ...before, status: 'disabled' }))
  expect(off).toMatchObject({ disabledReason: 'requested' })
  await expect.poll(kind, { interval: 5 }).toBe('disabled')
  const on = await endpoints.update('acme', id, (before) => ({ ...before, status: 'enabled' }))
  expect(on?.disabledReason).toBeUndefined()
  await endpoints.remove('acme', id)
  await expect.poll(kind, { interval: 5 }).toBeUndefined()
})

test('an endpoint that was just enabled is open even to a process that has not heard of it', async () => {
  const endpoints = endpointsWith(new Envelope([OLD]))
  const changes = { isHearing: true, onChange: () => undefined }
  const book = new EndpointBook({ redis: house.redis, prefix: house.prefix, envelope: new Envelope([OLD]), changes })
  const made = await endpoints.create('deaf', SETTINGS)
  const id = made?.record.id ?? ''
  await endpoints.update('deaf', id, (before) => ({ ...before, status: 'disabled' }))
  expect(await book.target('deaf', id)).toEqual({ kind: 'disabled' })
  await endpoints.update('deaf', id, (before) => ({ ...before, status: 'enabled' }))
  expect(await book.target('deaf', id)).toMatchObject({ kind: 'open' })
})

test('whether a team asked for progress is known without asking Redis again, and follows what it changes', async () => {
  const endpoints = endpointsWith(new Envelope([OLD]))
  const book = await openBook(new Envelope([OLD]))
  await endpoints.create('eager', { ...SETTINGS, subscriptions: ['*', 'video.*'] })
  expect(await book.wantsProgress('eager')).toBe(false)
  const made = await endpoints.create('eager', { ...SETTINGS, subscriptions: ['job.failed', 'job.progress'] })
  const wants = () => book.wantsProgress('eager')
  await expect.poll(wants, { interval: 5 }).toBe(true)
  await endpoints.update('eager', made?.record.id ?? '', (before) => ({ ...before, status: 'disabled' }))
  await expect.poll(wants, { interval: 5 }).toBe(false)
})

test('patterns are kept as they were named, and stored as the types they stand for', async () => {
  const made = await endpointsWith(new Envelope([OLD])).create('types', SETTINGS)
  expect(made?.record.subscriptions).toEqual(SETTINGS.subscriptions)
  const types = ['audio.failed', 'image.failed', 'model3d.failed', 'text.failed']
  expect(made?.record.eventTypes.toSorted()).toEqual([...types, 'video.canceled', 'video.completed', 'video.failed'])
})

test('an update that changes nothing writes nothing, and none is lost to another at the same time', async () => {
  const endpoints = endpointsWith(new Envelope([OLD]))
  const made = await endpoints.create('racing', SETTINGS)
  const id = made?.record.id ?? ''
  clock.nowMs += 1_000
  expect(await endpoints.update('racing', id, (before) => before)).toEqual(made?.record)
  await Promise.all([
    endpoints.update('racing', id, (before) => ({ ...before, name: 'new name' })),
    endpoints.update('racing', id, (before) => ({ ...before, url: 'https://b.example.com/' })),
    endpoints.rotate('racing', id, { keepOld: true }),
  ])
  const after = await endpoints.get('racing', id)
  expect(after).toMatchObject({ name: 'new name', url: 'https://b.example.com/', updatedAtMs: clock.nowMs })
  expect(after?.secrets).toHaveLength(2)
})

test('secrets move to a new encryption key, open at no other endpoint, and are nowhere in Redis', async () => {
  const old = new Envelope([OLD])
  const made = await endpointsWith(old).create('moving', SETTINGS)
  const twin = await endpointsWith(old).create('moving', SETTINGS)
  if (!made || !twin) throw new Error('expected two endpoints')
  const { id } = made.record
  const target = async (envelope: Envelope | undefined, name = id) => (await openBook(envelope)).target('moving', name)
  expect(await endpointsWith(new Envelope([NEW])).missingKids()).toEqual(['old'])
  expect(await target(new Envelope([NEW]))).toEqual({ kind: 'locked', reason: 'There is no encryption key old' })
  expect(await target(undefined)).toMatchObject({ kind: 'locked' })

  const report = await endpointsWith(new Envelope([NEW, OLD])).rewrap()
  expect(report).toMatchObject({ failed: [] })
  expect(report.rewrapped).toBeGreaterThanOrEqual(2)
  expect(await endpointsWith(new Envelope([NEW])).missingKids()).toEqual([])
  expect(await endpointsWith(new Envelope([NEW])).rewrap()).toEqual({ rewrapped: 0, failed: [] })
  expect(await target(new Envelope([NEW]))).toMatchObject({ keys: keysOf(made.secret) })

  const key = `${house.prefix}:endpoints:moving`
  await house.redis.hset(key, id, JSON.stringify({ ...made.record, secrets: twin.record.secrets }))
  expect(await target(old)).toEqual({ kind: 'locked', reason: 'The sealed text does not open' })
  const dump = await house.redis.hvals(key)
  for (const { secret } of [made, twin]) expect(dump.join()).not.toContain(secret.reveal().slice(6, -1))
})

test('a replaced secret that has ended needs no encryption key any more', async () => {
  const made = await endpointsWith(new Envelope([OLD])).create('ended', SETTINGS)
  const id = made?.record.id ?? ''
  const rotated = await endpointsWith(new Envelope([NEW, OLD])).rotate('ended', id, { keepOld: true })
  if (!rotated) throw new Error('expected a secret')
  const target = async () => (await openBook(new Envelope([NEW]))).target('ended', id)
  expect(await target()).toMatchObject({ kind: 'locked' })
  clock.nowMs += DAY_MS
  expect(await target()).toEqual({ kind: 'open', url: SETTINGS.url, keys: keysOf(rotated.secret) })
})

test('without encryption keys there is no endpoint and no new secret', async () => {
  const endpoints = endpointsWith(undefined)
  await expect(endpoints.create('acme', SETTINGS)).rejects.toThrow(ProblemError)
  await expect(endpoints.rotate('acme', 'we_0', { keepOld: true })).rejects.toMatchObject({
    code: 'encryption_unavailable',
  })
})
