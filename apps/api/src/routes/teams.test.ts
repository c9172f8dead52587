import { NewApiKey, Team, TeamList } from '@genqueue/contract'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'
import { startApi } from '../server.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

async function call(method: string, path: string, body?: unknown, key = ADMIN_KEY) {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await house.fetch(path, { method, key, ...init })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  }
}
const makeKey = async (settings: object): Promise<NewApiKey> =>
  NewApiKey.parse((await call('POST', '/api/keys', { name: 'test', ...settings })).body)

test('a team is made, changed in part and as a whole, listed and deleted', async () => {
  const team = { id: 'red', name: 'Red', limits: { jobs_per_day: 9 }, models: ['runway/*'] }
  expect(await call('POST', '/api/teams', team)).toMatchObject({ status: 201, body: { ...team, source: 'api' } })
  expect(await call('POST', '/api/teams', team)).toMatchObject({ status: 409, body: { code: 'already_exists' } })
  const patched = (await call('PATCH', '/api/teams/red', { models: null, limits: { usd_per_day: 2.5 } })).body
  expect(patched).toMatchObject({ name: 'Red', models: null, limits: { usd_per_day: 2.5 } })
  const put = (await call('PUT', '/api/teams/red', { providers: ['runware'] })).body
  expect(Team.parse(put)).toMatchObject({ name: 'red', limits: {}, providers: ['runware'] })
  const { data } = TeamList.parse((await call('GET', '/api/teams')).body)
  expect(data.map(({ id, source }) => [id, source])).toEqual([
    ['default', 'environment'],
    ['other', 'environment'],
    ['red', 'api'],
  ])
  expect(await call('DELETE', '/api/teams/red')).toMatchObject({ status: 200, body: { deleted: true } })
  for (const method of ['GET', 'DELETE']) expect((await call(method, '/api/teams/red')).status).toBe(404)
  expect((await call('PATCH', '/api/teams/red', {})).status).toBe(404)
})

test('a team with keys or open jobs stays, and so does one of the environment', async () => {
  await call('POST', '/api/teams', { id: 'green' })
  const { id, key } = await makeKey({ team: 'green' })
  const { body: job } = await call('POST', '/v1/jobs', JOB, key)
  const remove = () => call('DELETE', '/api/teams/green')
  expect(await remove()).toMatchObject({ status: 409, body: { code: 'in_use', detail: /jobs/ } })
  await call('DELETE', `/v1/jobs/${String(job.id)}`, undefined, key)
  expect(await remove()).toMatchObject({ status: 409, body: { code: 'in_use', detail: /keys/ } })
  await call('DELETE', `/api/keys/${id}`)
  expect((await remove()).status).toBe(200)
  expect(await call('DELETE', '/api/teams/other')).toMatchObject({ status: 409, body: { code: 'in_use' } })
})

test.each([
  ['a model outside the list', { models: ['runway/gen4.5', 'runware/*'] }, { model: 'runway/gen4_turbo' }, 'model'],
  ['a model without a match for its beginning', { models: ['runway/gen4_*'] }, { model: 'runway/gen4.5' }, 'model'],
  ['another provider', { providers: ['runware'] }, {}, 'model'],
  [
    'another host',
    { callback_hosts: ['a.example', '*.b.example'] },
    { webhook_url: 'https://b.example/' },
    'webhook_url',
  ],
  [
    'a host that ends alike',
    { callback_hosts: ['*.b.example'] },
    { webhook_url: 'https://ab.example/' },
    'webhook_url',
  ],
])('a key refuses %s, on every door', async (_, settings, request, param) => {
  const { key } = await makeKey(settings)
  const { webhook_url, model = VIDEO.model } = { webhook_url: undefined, ...request } as Record<string, string>
  const image = { model: 'runway/gen4_image', prompt: 'x', ...request }
  const input = { ...JOB.input, model: model.split('/')[1] }
  for (const [path, body] of [
    [
      '/v1/videos',
      { ...VIDEO, ...request, ...(model !== VIDEO.model && { input_reference: 'https://images.example.com/a.png' }) },
    ],
    ['/v1/images/generations', image],
    ['/v1/jobs', { ...JOB, input, webhook_url }],
  ] as const) {
    const { status, body: answer } = await call('POST', path, body, key)
    const told = (answer.error ?? answer) as object // the two shapes of an error
    expect({ status, ...told }, path).toMatchObject({ status: 403, code: 'forbidden', param })
  }
  expect((await house.storedFiles()).length).toBe(0)
})

test('what a key is for passes; a job without a model needs the whole vendor', async () => {
  const { key } = await makeKey({ models: ['runway/gen4.5'], callback_hosts: ['*.b.example'], providers: ['runway'] })
  expect((await call('POST', '/v1/videos', { ...VIDEO, webhook_url: 'https://a.b.example/x' }, key)).status).toBe(200)
  const upscale = { provider: 'runway', operation: 'text_to_speech', input: { promptText: 'x' } }
  expect(await call('POST', '/v1/jobs', upscale, key)).toMatchObject({ status: 403, body: { param: 'model' } })
  const { key: wide } = await makeKey({ models: ['runway/*'] })
  expect((await call('POST', '/v1/jobs', upscale, wide)).status).toBe(202)
})

test('where Runware itself is to send an output is a callback host like any other', async () => {
  const { key } = await makeKey({ callback_hosts: ['*.b.example'] })
  const work = { model: 'runware:101@1', positivePrompt: 'x', width: 512, height: 512 }
  const post = (uploadEndpoint: unknown) => {
    const input = { ...work, uploadEndpoint }
    return call('POST', '/v1/jobs', { provider: 'runware', operation: 'imageInference', input }, key)
  }
  for (const elsewhere of ['https://ab.example/x', 'nowhere', { a: 'https://a.b.example/x' }]) {
    expect(await post(elsewhere)).toMatchObject({ status: 403, body: { code: 'forbidden', param: 'uploadEndpoint' } })
  }
  for (const allowed of ['https://a.b.example/x', null]) expect((await post(allowed)).status).toBe(202)
})

test('what holds for a team holds for its keys of the environment, in another process within a second', async () => {
  const second = await startApi(house.config, pino({ level: 'silent' }))
  try {
    const headers = { authorization: `Bearer ${OTHER_KEY}`, 'content-type': 'application/json' }
    const post = () => fetch(`${second.url}/v1/videos`, { method: 'POST', headers, body: JSON.stringify(VIDEO) })
    expect((await post()).status).toBe(200)
    await call('PUT', '/api/teams/other', { models: ['runware/*'] })
    await expect.poll(async () => (await post()).status, { interval: 10, timeout: 1_000 }).toBe(403)
    await call('PUT', '/api/teams/other', {})
    await expect.poll(async () => (await post()).status, { interval: 10, timeout: 1_000 }).toBe(200)
  } finally {
    await second.close()
  }
})

test('too many requests a second are refused, saying whose limit it is and when to come back', async () => {
  await call('POST', '/api/teams', { id: 'busy', limits: { requests_per_second: 3 } })
  const [slow, quick] = [
    await makeKey({ team: 'busy', limits: { requests_per_second: 1 } }),
    await makeKey({ team: 'busy' }),
  ]
  const first = await call('GET', '/v1/jobs', undefined, slow.key)
  expect(Object.fromEntries(first.headers)).toMatchObject({
    'ratelimit-limit': '1',
    'ratelimit-remaining': '0',
    'ratelimit-reset': '1',
  })
  const refused = await call('GET', '/v1/jobs', undefined, slow.key)
  expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limit_exceeded', detail: /this API key is 1 / } })
  expect(refused.headers.get('retry-after')).toBe('1')
  const answers = await Promise.all(Array.from({ length: 6 }, () => call('GET', '/v1/jobs', undefined, quick.key)))
  const last = answers.find(({ status }) => status === 429)
  expect(last?.body).toMatchObject({ detail: /your team is 3 / })
  expect((await call('GET', '/v1/jobs')).headers.get('ratelimit-limit')).toBeNull()
})

test('with a port of their own the routes of administrators are nowhere else, and both ports close', async () => {
  const api = await startApi({ ...house.config, adminPort: 0 }, pino({ level: 'silent' }))
  const status = async (url: string) => (await fetch(url, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).status
  try {
    expect(api.adminUrl).not.toBe(api.url)
    expect([await status(`${api.url}/api/teams`), await status(`${api.adminUrl}/api/teams`)]).toEqual([404, 200])
    expect([await status(`${api.url}/v1/jobs`), await status(`${api.adminUrl}/v1/jobs`)]).toEqual([200, 404])
    expect([await status(`${api.url}/livez`), await status(`${api.adminUrl}/livez`)]).toEqual([200, 200])
    expect(await (await fetch(`${api.url}/openapi.json`)).text()).not.toContain('/api/')
  } finally {
    await api.close()
  }
  await expect(fetch(`${api.adminUrl}/livez`)).rejects.toThrow()
})
