import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AccountsHouse, openAccountsHouse } from '../accounts-fixture.ts'
import { newApiKeySecret } from './api-key-secret.ts'
import type { NewKey } from './api-keys.ts'

let house: AccountsHouse
beforeAll(async () => {
  house = await openAccountsHouse()
})
afterAll(() => house.close())

const KEY: NewKey = { team: 'default', name: 'n', scopes: ['jobs:read'], limits: {}, allowed: {}, createdBy: 'test' }

async function made<Value>(value: Promise<Value | undefined>): Promise<Value> {
  const found = await value
  if (found === undefined) throw new Error('expected something')
  return found
}

test('a key is found by itself, and Redis holds no more of it than its hash', async () => {
  const { apiKeys, lookup } = await house.openProcess()
  const { record, secret } = await made(apiKeys.create(KEY))
  expect(await lookup.find(secret.reveal())).toEqual(record)
  expect(record.hint).toBe(secret.reveal().slice(-4))
  const dump = await house.dump()
  expect(dump).toContain(record.id)
  expect(dump).not.toContain(secret.reveal().slice(8, 40))
})

test('what cannot be a key is refused before Redis is asked, and the same wrong key is asked about once', async () => {
  const { lookup, apiKeys } = await house.openProcess()
  const { secret } = await made(apiKeys.create(KEY))
  const good = secret.reveal()
  const flipped = good.slice(0, 20) + (good[20] === 'a' ? 'b' : 'a') + good.slice(21)
  const before = await house.commands()
  for (const wrong of [flipped, `${good}0`, good.replace('gq_live_', 'gq_test_'), 'sk-something', '']) {
    expect(await lookup.find(wrong), wrong).toBeUndefined()
  }
  expect((await house.commands()) - before).toBe(0)
  const unknown = newApiKeySecret().reveal()
  await Promise.all(Array.from({ length: 20 }, () => lookup.find(unknown)))
  await lookup.find(unknown)
  expect((await house.commands()) - before).toBe(1)
})

test('a good key is asked about once for many requests', async () => {
  const { lookup, apiKeys } = await house.openProcess()
  const { secret } = await made(apiKeys.create(KEY))
  await lookup.find(secret.reveal())
  const before = await house.commands()
  for (let n = 0; n < 100; n += 1) expect(await lookup.find(secret.reveal())).toBeDefined()
  expect((await house.commands()) - before).toBeLessThanOrEqual(1)
})

test('a revoked, rotated or changed key is so in another process within a second', async () => {
  const [here, there] = [await house.openProcess(), await house.openProcess()]
  const keys = await Promise.all([1, 2, 3].map(() => made(here.apiKeys.create(KEY))))
  const [revoked, rotated, changed] = keys
  if (!revoked || !rotated || !changed) throw new Error('expected three')
  for (const { secret } of keys) expect(await there.lookup.find(secret.reveal())).toBeDefined()
  const startedMs = performance.now()
  await here.apiKeys.revoke(revoked.record.id)
  await here.apiKeys.rotate(rotated.record.id, { overlapMs: 0 })
  await here.apiKeys.update(changed.record.id, (settings) => ({ ...settings, scopes: ['jobs:cancel'] }))
  const find = ({ secret }: (typeof keys)[number]) => there.lookup.find(secret.reveal())
  await expect.poll(() => find(revoked), { interval: 5 }).toBeUndefined()
  await expect.poll(() => find(rotated), { interval: 5 }).toBeUndefined()
  await expect.poll(() => find(changed), { interval: 5 }).toMatchObject({ scopes: ['jobs:cancel'] })
  expect(performance.now() - startedMs).toBeLessThan(1000)
})

test('a process that hears nothing believes what it read for half a second', async () => {
  let nowMs = Date.now()
  const here = await house.openProcess()
  const deaf = await house.openProcess({ now: () => nowMs, hears: false })
  const { record, secret } = await made(here.apiKeys.create(KEY))
  expect(await deaf.lookup.find(secret.reveal())).toBeDefined()
  await here.apiKeys.revoke(record.id)
  nowMs += 499
  expect(await deaf.lookup.find(secret.reveal())).toBeDefined()
  nowMs += 1
  expect(await deaf.lookup.find(secret.reveal())).toBeUndefined()
})

test('a subscription that is dead without a word is noticed, and what it missed is read again', async () => {
  const line = await house.openLine()
  const [here, there] = [await house.openProcess(), await house.openProcess({ port: line.port })]
  const { record, secret } = await made(here.apiKeys.create(KEY))
  expect(await there.lookup.find(secret.reveal())).toBeDefined()
  line.cut()
  const startedMs = performance.now()
  await here.apiKeys.revoke(record.id)
  expect(await there.lookup.find(secret.reveal())).toBeDefined()
  await expect.poll(() => there.lookup.find(secret.reveal()), { interval: 10, timeout: 3000 }).toBeUndefined()
  expect(performance.now() - startedMs).toBeLessThan(1000)
  await expect.poll(() => there.changes.isHearing, { interval: 10 }).toBe(true)
})

test('both secrets of a rotation work until the overlap ends; another rotation shortens it for all before', async () => {
  let nowMs = Date.now()
  const { apiKeys, lookup } = await house.openProcess({ now: () => nowMs })
  const first = await made(apiKeys.create(KEY))
  const { id } = first.record
  const second = await made(apiKeys.rotate(id, { overlapMs: 60_000 }))
  const isGood = async (key: typeof first) => (await lookup.find(key.secret.reveal())) !== undefined
  await expect.poll(async () => [await isGood(first), await isGood(second)]).toEqual([true, true])
  const third = await made(apiKeys.rotate(id, { overlapMs: 10_000 }))
  await expect.poll(() => isGood(third)).toBe(true)
  expect([await isGood(first), await isGood(second)]).toEqual([true, true])
  nowMs += 10_000
  expect([await isGood(first), await isGood(second), await isGood(third)]).toEqual([false, false, true])
  const fourth = await made(apiKeys.rotate(id, { overlapMs: 0 }))
  await expect.poll(() => isGood(third)).toBe(false)
  expect(fourth.record.secrets).toHaveLength(1)
  await apiKeys.revoke(id)
  await expect.poll(() => isGood(fourth)).toBe(false)
})

test('a key ends when it expires, in a process that has it in mind too', async () => {
  let nowMs = Date.now()
  const { apiKeys, lookup } = await house.openProcess({ now: () => nowMs })
  const { record, secret } = await made(apiKeys.create({ ...KEY, expiresAtMs: nowMs + 5_000 }))
  expect(await lookup.find(secret.reveal())).toBeDefined()
  nowMs += 5_000
  expect(await lookup.find(secret.reveal())).toBeUndefined()
  await apiKeys.update(record.id, (settings) => ({ ...settings, name: 'expired' }))
  expect(await lookup.find(secret.reveal())).toBeUndefined()
  const longer = await made(apiKeys.update(record.id, (settings) => ({ ...settings, expiresAtMs: nowMs + 60_000 })))
  expect(longer.secrets).toEqual(record.secrets)
  await expect.poll(() => lookup.find(secret.reveal())).toBeDefined()
})

test('changes at the same moment all hold', async () => {
  const { apiKeys } = await house.openProcess()
  const { record } = await made(apiKeys.create({ ...KEY, name: '0' }))
  const add = () => apiKeys.update(record.id, ({ name, ...rest }) => ({ ...rest, name: String(Number(name) + 1) }))
  await Promise.all([add(), add(), add(), add(), add()])
  expect(await apiKeys.get(record.id)).toMatchObject({ name: '5' })
})

test('keys are listed by page and by team; a team that is not there gets none, one that has some stays', async () => {
  const { apiKeys, teams } = await house.openProcess()
  expect(await apiKeys.create({ ...KEY, team: 'nobody' })).toBeUndefined()
  await teams.create('green', { limits: {}, allowed: {} })
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) ids.push((await made(apiKeys.create({ ...KEY, team: 'green', name }))).record.id)
  const first = await apiKeys.list({ team: 'green', limit: 2 })
  expect(first.hasMore).toBe(true)
  const rest = await apiKeys.list({ team: 'green', limit: 2, after: first.records.at(-1)?.id })
  expect([...first.records, ...rest.records].map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  expect(await teams.remove('green')).toBe('has_keys')
  await Promise.all(ids.map((id) => apiKeys.revoke(id)))
  expect(await teams.remove('green')).toBe('removed')
  expect(await teams.remove('green')).toBe('missing')
  expect(await house.dump()).not.toContain('green')
})

test('the last use of a key is written down, once a minute', async () => {
  let nowMs = Date.now()
  const { apiKeys, lookup } = await house.openProcess({ now: () => nowMs })
  const { record, secret } = await made(apiKeys.create(KEY))
  const usedMs = nowMs
  await lookup.find(secret.reveal())
  await expect.poll(() => apiKeys.lastUses([record.id])).toEqual([usedMs])
  nowMs += 20_000
  await lookup.find(secret.reveal())
  nowMs += 40_000
  await lookup.find(secret.reveal())
  await expect.poll(() => apiKeys.lastUses([record.id])).toEqual([nowMs])
})
