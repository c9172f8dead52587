import { Jobs, Outbox, openQueues, readJobSigns } from '@genqueue/jobs'
import { createMetrics } from '@genqueue/metrics'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { openAccounts } from './access/accounts.ts'
import { createProviderKeys } from './access/provider-keys.ts'
import { type OpenApi, openApi, VIDEO } from './api-fixture.ts'
import { createApp } from './app.ts'
import { JobEvents } from './events/job-events.ts'
import { JobWatches } from './events/job-watches.ts'
import { EndWaits } from './events/wait-for-end.ts'
import { StoredFiles } from './files/stored-files.ts'

let house: OpenApi
const lines: string[] = []
const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) })

beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

function appOf(house: OpenApi, parts: Partial<Parameters<typeof createApp>[0]> = {}) {
  const { config, redis, keys, storage } = house
  const publicUrl = 'https://queue.example'
  const jobs = new Jobs({ redis, queues: openQueues(redis, keys), keys, publicUrl })
  const watches = new JobWatches({ get: (id) => jobs.get(id), signs: (ids) => readJobSigns({ redis, keys }, ids) })
  const closing = new AbortController().signal
  const subscriber = redis.duplicate({ lazyConnect: true })
  const accounts = openAccounts({ redis, subscriber, keys, config, log }).parts
  return createApp({
    config,
    publicUrl,
    jobs,
    redis,
    keys,
    storage,
    files: new StoredFiles({ redis, prefix: keys.prefix }),
    waits: new EndWaits({ watches }),
    events: new JobEvents({ watches, publicUrl, closing }),
    outbox: new Outbox({ redis, keys }),
    ...accounts,
    providerKeys: createProviderKeys({ ...accounts, redis, prefix: keys.prefix, config, log }),
    readiness: async () => ({ isReady: true, checks: {}, warnings: [] }),
    metrics: createMetrics('api'),
    log,
    closing,
    ...parts,
  })
}
const post = (body: object) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})

const Document = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ responses: z.record(z.string(), z.unknown()) }))),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
})

test('every route stands in the document, and nothing else', async () => {
  const app = appOf(house)
  const text = await (await app.request('/openapi.json')).text()
  const { paths, components } = Document.parse(JSON.parse(text))
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  expect(documented.sort()).toEqual(app.routes.map(({ method, path }) => `${method} ${path}`).sort())
  const named = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map(([, ref]) => ref)
  for (const ref of new Set(named)) expect(Object.keys(components.schemas)).toContain(ref?.split('/').at(-1))
})

test('the page shows every route and lets nothing from elsewhere in', async () => {
  const app = appOf(house)
  const response = await app.request('/docs')
  const html = await response.text()
  for (const { path } of app.routes) expect(html).toContain(path.replace(/:(\w+)/g, '{$1}'))
  expect(html).not.toMatch(/<script|src=|https?:\/\/(?!queue\.example)/)
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
})

test('routes take the short way through the router', () => {
  const app = appOf(house)
  expect(app.router.match('GET', '/v1/videos/job_1')[0]).toHaveLength(1)
  expect(app.router.match('POST', '/v1/jobs')[0]).toHaveLength(1)
  expect(app.router.name).toContain('RegExpRouter')
})

test('every answer forbids what a browser might do with it and carries its request id', async () => {
  const app = appOf(house)
  for (const path of ['/livez', '/v1/videos', '/v1/nothing']) {
    const { headers } = await app.request(path, { headers: { 'x-request-id': 'mine-1' } })
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-request-id': 'mine-1',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    })
  }
  const forged = await app.request('/livez', { headers: { 'x-request-id': '"}{' } })
  expect(forged.headers.get('x-request-id')).toMatch(/^req_/)
})

test('a request is one line that holds neither its words nor its keys', async () => {
  const app = appOf(house)
  lines.length = 0
  const { url, ...request } = { url: '/v1/videos?api_key=canary-1', ...post({ ...VIDEO, prompt: 'canary-2' }) }
  await app.request(url, { ...request, headers: { ...request.headers, 'idempotency-key': 'canary-3' } })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    method: 'POST',
    route: 'POST /v1/videos',
    status: 200,
    team: 'default',
  })
  await app.request('/v1/videos', { headers: { authorization: 'Bearer canary-4-canary-4-canary-4' } })
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ status: 401, code: 'unauthorized', team: '' })
  expect(lines.join()).not.toContain('canary')
})

test('what nobody foresaw is a bare 500 and a line for the operator', async () => {
  const app = appOf(house, {
    authenticate() {
      throw new TypeError('the inner workings')
    },
  })
  lines.length = 0
  const response = await app.request('/v1/jobs')
  expect(response.status).toBe(500)
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ code: 'internal_error' })
  expect(text).not.toContain('inner workings')
  expect(lines.join()).toContain('inner workings')
})
