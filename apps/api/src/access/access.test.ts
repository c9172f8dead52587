import { NewApiKey, SCOPES, type Scope } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { JOB, type OpenApi, openApi, VIDEO } from '../api-fixture.ts'

const HOOK_SECRET = 'hook-secret-for-tests-0123456789'
const PUBLIC_URL = 'https://queue.example'
const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`
const HOOK = { name: 'ours', url: 'https://hooks.example.com/', event_types: ['*'] }

/** What each route of the API asks of a key. A route that is not in this table fails the test. */
const EXPECTED: Readonly<Record<string, Scope | 'public'>> = {
  'POST /v1/videos': 'jobs:create',
  'GET /v1/videos': 'jobs:read',
  'GET /v1/videos/{id}': 'jobs:read',
  'DELETE /v1/videos/{id}': 'jobs:cancel',
  'GET /v1/videos/{id}/content': 'jobs:read',
  'POST /v1/images/generations': 'jobs:create',
  'POST /v1/images/edits': 'jobs:create',
  'POST /v1/files': 'jobs:create',
  'GET /v1/files': 'jobs:read',
  'GET /v1/files/{id}': 'jobs:read',
  'GET /v1/files/{id}/content': 'jobs:read',
  'DELETE /v1/files/{id}': 'jobs:cancel',
  'POST /v1/jobs': 'jobs:create',
  'GET /v1/jobs': 'jobs:read',
  'GET /v1/jobs/{id}': 'jobs:read',
  'GET /v1/jobs/{id}/events': 'jobs:read',
  'POST /v1/jobs/{id}/cancel': 'jobs:cancel',
  'DELETE /v1/jobs/{id}': 'jobs:cancel',
  'GET /v1/jobs/{id}/outputs/{index}': 'jobs:read',
  'GET /v1/jobs/{id}/deliveries': 'jobs:read',
  'POST /v1/jobs/{id}/redeliver': 'webhooks:manage',
  'GET /v1/deliveries': 'jobs:read',
  'POST /v1/redeliveries': 'webhooks:manage',
  'GET /v1/deliveries/{id}': 'jobs:read',
  'GET /v1/deliveries/{id}/curl': 'jobs:read',
  'POST /v1/deliveries/{id}/redeliver': 'webhooks:manage',
  'GET /v1/webhook_event_types': 'webhooks:manage',
  'GET /v1/webhook_endpoints': 'webhooks:manage',
  'POST /v1/webhook_endpoints': 'webhooks:manage',
  'GET /v1/webhook_endpoints/{id}': 'webhooks:manage',
  'POST /v1/webhook_endpoints/{id}': 'webhooks:manage',
  'DELETE /v1/webhook_endpoints/{id}': 'webhooks:manage',
  'POST /v1/webhook_endpoints/{id}/rotate_secret': 'webhooks:manage',
  'POST /v1/webhook_endpoints/{id}/test': 'webhooks:manage',
  'GET /api/keys': 'keys:admin',
  'POST /api/keys': 'keys:admin',
  'GET /api/keys/{id}': 'keys:admin',
  'PATCH /api/keys/{id}': 'keys:admin',
  'POST /api/keys/{id}/rotate': 'keys:admin',
  'DELETE /api/keys/{id}': 'keys:admin',
  'GET /api/teams': 'keys:admin',
  'POST /api/teams': 'keys:admin',
  'GET /api/teams/{id}': 'keys:admin',
  'PUT /api/teams/{id}': 'keys:admin',
  'PATCH /api/teams/{id}': 'keys:admin',
  'DELETE /api/teams/{id}': 'keys:admin',
  'GET /api/audit': 'keys:admin',
  'GET /api/usage': 'jobs:read',
  'GET /api/providers': 'providers:admin',
  'POST /api/providers': 'providers:admin',
  'POST /api/encryption/rewrap': 'providers:admin',
  'GET /api/providers/{provider}': 'providers:admin',
  'PUT /api/providers/{provider}': 'providers:admin',
  'DELETE /api/providers/{provider}': 'providers:admin',
  'GET /api/providers/{provider}/limits': 'providers:admin',
  'GET /api/providers/{provider}/keys': 'providers:admin',
  'POST /api/providers/{provider}/keys': 'providers:admin',
  'GET /api/providers/{provider}/keys/{id}': 'providers:admin',
  'PUT /api/providers/{provider}/keys/{id}': 'providers:admin',
  'DELETE /api/providers/{provider}/keys/{id}': 'providers:admin',
  'POST /hooks/runware/{token}': 'public',
  'GET /v1/webhook_public_keys': 'public',
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /openapi.json': 'public',
  'GET /docs': 'public',
}

const Document = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })

let house: OpenApi
let routes: { name: string; method: string; path: string }[]
beforeAll(async () => {
  // In production nobody gets in without a key.
  house = await openApi({ NODE_ENV: 'production', HOST: '127.0.0.1', HOOK_SECRET, PUBLIC_URL, ENCRYPTION_KEYS })
  const { paths } = Document.parse(await (await house.fetch('/openapi.json')).json())
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((each) => {
      const method = each.toUpperCase()
      return { name: `${method} ${path}`, method, path }
    }),
  )
})
afterAll(() => house.close())

async function makeKey(team: string, scopes: readonly Scope[]): Promise<string> {
  const response = await house.post('/api/keys', { name: 'test', team, scopes })
  return NewApiKey.parse(await response.json()).key
}

async function call(route: { method: string; path: string }, key: string | null, params: Record<string, string> = {}) {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? 'nothing')
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE'
  const body = { body: '{}', headers: { 'content-type': 'application/json' } }
  const response = await house.fetch(path, { method: route.method, key, ...(hasBody && body) })
  const text = await response.text()
  return { status: response.status, text: text.replace(/req_[\w-]+/, '') }
}

test('every route asks for the scope that it should, and no other opens it', async () => {
  expect(routes.map(({ name }) => name).toSorted()).toEqual(Object.keys(EXPECTED).toSorted())
  const keys = await Promise.all(SCOPES.map(async (scope) => ({ scope, key: await makeKey('default', [scope]) })))
  for (const route of routes) {
    const needed = EXPECTED[route.name]
    const without = await call(route, null)
    if (needed === 'public') expect(without.status, `${route.name} without a key`).not.toBe(401)
    else expect(without.status, `${route.name} without a key`).toBe(401)
    for (const { scope, key } of keys) {
      const { status, text } = await call(route, key)
      const isOpen = needed === 'public' || needed === scope
      if (isOpen) expect([401, 403, 500], `${route.name} with ${scope}: ${text}`).not.toContain(status)
      else expect({ status, text }, `${route.name} with ${scope}`).toMatchObject({ status: 403 })
      if (!isOpen) expect(text).toContain(`scope ${needed}`)
    }
  }
})

test('nothing of another team is there, by any route that takes an id', async () => {
  const scopes = ['jobs:create', 'jobs:read', 'jobs:cancel', 'webhooks:manage'] as const
  for (const id of ['team-a', 'team-b']) await house.post('/api/teams', { id })
  const [a, b] = [await makeKey('team-a', scopes), await makeKey('team-b', scopes)]
  const idOf = async (response: Response) => z.object({ id: z.string() }).parse(await response.json()).id
  const form = new FormData()
  form.set('purpose', 'vision')
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
    'base64',
  )
  form.set('file', new Blob([png], { type: 'image/png' }), 'a.png')
  const file = await idOf(await house.fetch('/v1/files', { method: 'POST', key: a, body: form }))
  const endpoint = await idOf(await house.post('/v1/webhook_endpoints', HOOK, { key: a }))
  const video = await idOf(await house.post('/v1/videos', VIDEO, { key: a }))
  await house.succeed(video, [{ content: Buffer.from('mp4'), contentType: 'video/mp4', extension: 'mp4' }])
  const open = await idOf(await house.post('/v1/jobs', JOB, { key: a }))
  const delivery = `msg_${video.slice('job_'.length)}_${endpoint.slice('we_'.length)}`
  const idsFor = (path: string) => {
    if (path.startsWith('/v1/files')) return [file]
    if (path.startsWith('/v1/webhook_endpoints')) return [endpoint]
    return path.startsWith('/v1/deliveries') ? [delivery] : [video, open]
  }

  const withIds = routes.filter(({ name, path }) => path.includes('{') && EXPECTED[name] !== 'public')
  expect(withIds.length).toBeGreaterThan(20)
  for (const route of withIds.filter(({ path }) => path.startsWith('/v1/'))) {
    for (const id of idsFor(route.path)) {
      const params = { id, index: '0' }
      const foreign = await call(route, b, params)
      const unknown = await call(route, b, { ...params, id: id.slice(0, -4) + (id.endsWith('0000') ? '1111' : '0000') })
      expect(foreign, `${route.name} of ${id}`).toEqual(unknown)
      expect(foreign.status, `${route.name} of ${id}`).toBe(404)
      const isAtHand = route.method === 'GET' && !/\/(events|curl)$/.test(route.path) && id !== open
      if (isAtHand) expect([200, 302], `${route.name} by its own team`).toContain((await call(route, a, params)).status)
    }
  }
  // Whoever may not administer learns nothing from these, not even whether there is such a thing.
  const { data } = z
    .object({ data: z.array(z.object({ id: z.string() })) })
    .parse(await (await house.fetch('/api/keys')).json())
  for (const route of withIds.filter(({ path }) => path.startsWith('/api/'))) {
    for (const id of ['team-a', data[0]?.id ?? '']) {
      const foreign = await call(route, b, { id, provider: 'runway' })
      expect(foreign, route.name).toEqual(await call(route, b, { id: 'nothing', provider: 'nobody' }))
      expect(foreign.status, route.name).toBe(403)
    }
  }
  for (const list of ['/v1/videos', '/v1/jobs', '/v1/files', '/v1/webhook_endpoints', '/v1/deliveries']) {
    expect(await (await house.fetch(list, { key: b })).json(), list).toMatchObject({ data: [] })
  }
  const asInput = await house.post(
    '/v1/videos',
    { ...VIDEO, model: 'runway/gen4_turbo', input_reference: file },
    { key: b },
  )
  expect(asInput.status).toBe(404)
  expect((await house.get(open)).status).toBe('queued')
})
