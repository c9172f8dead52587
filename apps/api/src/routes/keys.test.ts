import { ApiKey, ApiKeyList, NewApiKey } from '@genqueue/contract'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'
import { type RunningApi, startApi } from '../server.ts'

const lines: string[] = []
const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
const secrets: string[] = []
const answers: string[] = []

let house: OpenApi
let second: RunningApi
beforeAll(async () => {
  house = await openApi({}, log)
  second = await startApi(house.config, log)
})
afterAll(async () => {
  await second.close()
  await house.close()
})

async function call(method: string, path: string, body?: unknown, key = ADMIN_KEY) {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await house.fetch(path, { method, key, ...init })
  const text = await response.text()
  answers.push(text.replaceAll(/"key":"[^"]+"/g, ''))
  return { status: response.status, body: JSON.parse(text) as Record<string, unknown> }
}
async function make(body: object = {}): Promise<NewApiKey> {
  const made = await call('POST', '/api/keys', { name: 'test', ...body })
  expect(made, JSON.stringify(made.body)).toMatchObject({ status: 201 })
  const key = NewApiKey.parse(made.body)
  secrets.push(key.key)
  return key
}
const asks = async (url: string, key: string) =>
  (await fetch(`${url}/v1/videos`, { headers: { authorization: `Bearer ${key}` } })).status

test('a key is shown once, opens what it is for, and is listed without itself', async () => {
  const expires_at = Math.floor(Date.now() / 1000) + 3_600
  const { key, ...made } = await make({
    team: 'other',
    scopes: ['jobs:read'],
    models: ['runway/*'],
    callback_hosts: ['*.example.com'],
    limits: { jobs_per_day: 5 },
    expires_at,
  })
  expect(key).toMatch(/^gq_live_[0-9A-Za-z]{49}$/)
  const shown = {
    object: 'api_key',
    team: 'other',
    hint: key.slice(-4),
    scopes: ['jobs:read'],
    models: ['runway/*'],
    providers: null,
    limits: { jobs_per_day: 5 },
    expires_at,
    created_by: 'environment',
    last_used_at: null,
  }
  expect(made).toMatchObject(shown)
  for (const name of ['authorization', 'x-api-key', 'x-bf-vk']) {
    const value = name === 'authorization' ? `Bearer ${key}` : key
    expect((await fetch(`${house.url}/v1/videos`, { headers: { [name]: value } })).status, name).toBe(200)
  }
  expect((await fetch(`${house.url}/v1/videos?api_key=${key}`, { headers: { 'x-api-key': 'no' } })).status).toBe(401)
  expect((await call('POST', '/v1/videos', VIDEO, key)).status).toBe(403)
  const read = async () => ApiKey.parse((await call('GET', `/api/keys/${made.id}`)).body)
  await expect.poll(async () => (await read()).last_used_at, { interval: 10 }).toBeGreaterThan(0)
  expect(await read()).toMatchObject({ ...shown, last_used_at: expect.any(Number) })
  const { data } = ApiKeyList.parse((await call('GET', '/api/keys?team=other')).body)
  expect(data.map(({ id }) => id)).toEqual([made.id])
})

test('what a revocation, a rotation and a change say holds in another process within a second', async () => {
  const [revoked, rotated, changed] = [await make(), await make(), await make()]
  for (const { key } of [revoked, rotated, changed]) expect(await asks(second.url, key)).toBe(200)
  const startedMs = performance.now()
  expect(await call('DELETE', `/api/keys/${revoked.id}`)).toMatchObject({ status: 200, body: { deleted: true } })
  const turned = NewApiKey.parse((await call('POST', `/api/keys/${rotated.id}/rotate`, { overlap_seconds: 0 })).body)
  secrets.push(turned.key)
  await call('PATCH', `/api/keys/${changed.id}`, { scopes: ['jobs:cancel'] })
  await expect.poll(() => asks(second.url, revoked.key), { interval: 5 }).toBe(401)
  await expect.poll(() => asks(second.url, rotated.key), { interval: 5 }).toBe(401)
  await expect.poll(() => asks(second.url, changed.key), { interval: 5 }).toBe(403)
  expect(await asks(second.url, turned.key)).toBe(200)
  expect(performance.now() - startedMs).toBeLessThan(1_000)
  expect((await call('GET', `/api/keys/${revoked.id}`)).status).toBe(404)
})

test('a key of the environment cannot be looked at or revoked by a request', async () => {
  for (const id of ['environment', 'default', ADMIN_KEY]) {
    for (const method of ['GET', 'DELETE']) expect((await call(method, `/api/keys/${id}`)).status).toBe(404)
  }
  expect(await asks(house.url, ADMIN_KEY)).toBe(200)
})

test('during the overlap of a rotation both keys work; a day unless told otherwise', async () => {
  const old = await make()
  const response = await house.fetch(`/api/keys/${old.id}/rotate`, { method: 'POST' })
  const turned = NewApiKey.parse(await response.json())
  secrets.push(turned.key)
  expect((turned.previous_valid_until ?? 0) - Date.now() / 1000).toBeGreaterThan(86_390)
  expect([await asks(house.url, old.key), await asks(house.url, turned.key)]).toEqual([200, 200])
})

test('PATCH takes away with null and leaves what it does not name', async () => {
  const { id } = await make({ models: ['runway/gen4.5'], providers: ['runway'], limits: { jobs_in_flight: 3 } })
  const change = { models: null, expires_at: Math.floor(Date.now() / 1000) + 60, name: 'new' }
  const patched = (await call('PATCH', `/api/keys/${id}`, change)).body
  expect(patched).toMatchObject({ name: 'new', models: null, providers: ['runway'], limits: { jobs_in_flight: 3 } })
  const again = (await call('PATCH', `/api/keys/${id}`, { expires_at: null, limits: null })).body
  expect(again).toMatchObject({ name: 'new', expires_at: null, limits: {} })
})

test.each([
  ['POST', { name: 'x', id: 'key_1' }, 'unknown_parameter', 'id'],
  ['POST', { name: 'x', created_by: 'me' }, 'unknown_parameter', 'created_by'],
  ['POST', { name: 'x', secrets: [] }, 'unknown_parameter', 'secrets'],
  ['POST', { name: 'x', hash: 'a' }, 'unknown_parameter', 'hash'],
  ['POST', '{"name":"x","__proto__":{"scopes":["keys:admin"]}}', 'invalid_request', '__proto__'],
  ['POST', '{"name":"x","constructor":{"prototype":{"isAdmin":true}}}', 'invalid_request', 'constructor[prototype]'],
  ['POST', { name: 'x', limits: { jobs: 1 } }, 'unknown_parameter', 'limits[jobs]'],
  ['POST', { name: 'x', limits: { jobs_per_day: 0 } }, 'invalid_request', 'limits[jobs_per_day]'],
  ['POST', {}, 'missing_parameter', 'name'],
  ['POST', { name: 'x', team: 'nobody' }, 'invalid_request', 'team'],
  ['POST', { name: 'x', team: '../default' }, 'invalid_request', 'team'],
  ['POST', { name: 'x', scopes: [] }, 'invalid_request', 'scopes'],
  ['POST', { name: 'x', scopes: ['everything'] }, 'invalid_request', 'scopes[0]'],
  ['POST', { name: 'x', models: ['gen4.5'] }, 'invalid_request', 'models[0]'],
  ['POST', { name: 'x', callback_hosts: ['https://example.com'] }, 'invalid_request', 'callback_hosts[0]'],
  ['POST', { name: 'a\nb' }, 'invalid_request', 'name'],
  ['POST', { name: 'x', expires_at: 1 }, 'invalid_request', 'expires_at'],
  ['POST', '[]', 'invalid_request', null],
  ['POST', '{', 'invalid_json', null],
  ['PATCH', { team: 'other' }, 'unknown_parameter', 'team'],
  ['PATCH', { created_at: 1 }, 'unknown_parameter', 'created_at'],
])('%s %j is refused and says why', async (method, body, code, param) => {
  const { id } = await make()
  const path = method === 'POST' ? '/api/keys' : `/api/keys/${id}`
  const response = await house.post(path, body, { method })
  expect(await response.json()).toMatchObject({ status: 400, code, param, detail: expect.stringMatching(/\w{3}/) })
})

test('while Redis is away: 503, never 401; a key of the environment is known at once', async () => {
  const { key } = await make()
  const lonely = await openApi()
  await lonely.server.stop()
  try {
    await expect.poll(() => asks(lonely.url, ADMIN_KEY), { interval: 20, timeout: 3_000 }).toBe(503)
    expect(await asks(lonely.url, key)).toBe(503)
    expect(
      await asks(
        lonely.url,
        key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
      ),
    ).toBe(401)
    const scoped = await lonely.fetch('/api/keys', { key: OTHER_KEY })
    expect([403, 503]).toContain(scoped.status)
  } finally {
    await lonely.close()
  }
})

test('an address that guesses has to wait; good keys from there go on', async () => {
  const made = await make()
  const wrong = async () => asks(second.url, 'gq_live_wrong')
  for (let n = 0; n < 25; n += 1) await wrong()
  const response = await fetch(`${second.url}/v1/jobs`, { headers: { 'x-api-key': 'gq_live_wrong' } })
  expect(response.status).toBe(429)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(30)
  expect(await response.json()).toMatchObject({ code: 'too_many_attempts' })
  expect([await asks(second.url, made.key), await asks(second.url, ADMIN_KEY)]).toEqual([200, 200])
  expect(await asks(house.url, 'gq_live_wrong')).toBe(401)
})

test('every change is in the audit log, newest first, with who made it', async () => {
  const { key, id } = await make({ scopes: ['keys:admin'] })
  const made = (await call('POST', '/api/keys', { name: 'by a key' }, key)).body
  secrets.push(String(made.key))
  const page = (await call('GET', '/api/audit?limit=2')).body
  expect(page).toMatchObject({
    has_more: true,
    data: [
      { actor: id, action: 'key.create', target: made.id, detail: { team: 'default', name: 'by a key' } },
      { actor: 'environment', action: 'key.create', target: id, request_id: expect.stringMatching(/^req_/) },
    ],
  })
  const older = (await call('GET', `/api/audit?limit=1000&before=${String(page.last_id)}`)).body
  const actions = (older.data as { action: string }[]).map(({ action }) => action) // as the answer's schema says
  expect(new Set(actions)).toEqual(new Set(['key.create', 'key.update', 'key.rotate', 'key.revoke']))
  expect(actions).not.toHaveLength(0)
})

test('no key is in a log line, in Redis or in an answer but the one that made it', async () => {
  const stored: string[] = []
  for (const name of await house.redis.keys('*'))
    stored.push(name, (await house.redis.dumpBuffer(name)).toString('latin1'))
  expect(secrets.length).toBeGreaterThan(10)
  for (const secret of secrets) {
    const inside = secret.slice(8, 40)
    for (const [place, texts] of Object.entries({ lines, answers, stored })) {
      expect(
        texts.filter((text) => text.includes(inside)),
        place,
      ).toEqual([])
    }
  }
  expect(lines.some((line) => line.includes('admin change'))).toBe(true)
})
