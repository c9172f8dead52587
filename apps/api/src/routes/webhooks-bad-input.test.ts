import { WebhookEndpointWithSecret } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'

const ENCRYPTION_KEYS = `k1:${Buffer.alloc(32, 1).toString('base64')}`
const HOOK = { name: 'ours', url: 'https://hooks.example.com/', event_types: ['video.completed'] }
const UNKNOWN = 'we_00000000000000000000000000'

let house: OpenApi
let id: string
beforeAll(async () => {
  house = await openApi({ ENCRYPTION_KEYS })
  id = WebhookEndpointWithSecret.parse(await (await house.post('/v1/webhook_endpoints', HOOK)).json()).id
})
afterAll(() => house.close())

async function answer(
  response: Response,
): Promise<{ status: number; code: string; param: string | null; text: string }> {
  const body = (await response.json()) as Record<string, unknown> // compared
  const { code, param, message, detail } = { ...body, ...(body.error as object) } as Record<string, string> // compared
  return { status: response.status, code: code ?? '', param: param ?? null, text: message ?? detail ?? '' }
}

test.each<[string, string, object, number, string, string | null, RegExp]>([
  ['no name', '', { url: HOOK.url, event_types: ['*'] }, 400, 'missing_parameter', 'name', /is missing/],
  ['no event types', '', { name: 'a', url: HOOK.url }, 400, 'missing_parameter', 'event_types', /is missing/],
  ['no letters', '', { ...HOOK, name: '' }, 400, 'invalid_request', 'name', /at least 1 character long/],
  ['an empty list', '', { ...HOOK, event_types: [] }, 400, 'invalid_request', 'event_types', /at least 1 item long/],
  [
    'an event of another service',
    '',
    { ...HOOK, event_types: ['video.completed', 'batch.completed'] },
    400,
    'invalid_request',
    'event_types[1]',
    /must be one of video\.completed, .*, \*$/,
  ],
  ['an address inside', '', { ...HOOK, url: 'https://10.0.0.1/hook' }, 400, 'blocked_url', 'url', /public host/],
  ['http', '', { ...HOOK, url: 'http://hooks.example.com/' }, 400, 'blocked_url', 'url', /https/],
  ['no address', '', { ...HOOK, url: 'hooks' }, 400, 'invalid_url', 'url', /./],
  ['a number', '', { ...HOOK, url: 5 }, 400, 'invalid_url', 'url', /must be a string/],
  [
    'a secret of one’s own',
    '',
    { ...HOOK, signing_secret: 'x' },
    400,
    'unknown_parameter',
    'signing_secret',
    /leave it out/,
  ],
  ['an unknown status', '/ID', { status: 'paused' }, 400, 'invalid_request', 'status', /enabled, disabled/],
  ['a new address inside', '/ID', { url: 'https://127.0.0.1/' }, 400, 'blocked_url', 'url', /public host/],
  ['no such endpoint', `/${UNKNOWN}`, {}, 404, 'not_found', 'id', /no webhook endpoint/],
  ['no id at all', '/nothing', {}, 404, 'not_found', 'id', /no webhook endpoint/],
  [
    'text for a boolean',
    '/ID/rotate_secret',
    { keep_old_secret_active_for_24_hours: 'yes' },
    400,
    'invalid_request',
    'keep_old_secret_active_for_24_hours',
    /true or false/,
  ],
  ['a name for several', '/ID/test', { event_type: 'video.*' }, 400, 'invalid_request', 'event_type', /must be one of/],
  ['no event type', '/ID/test', {}, 400, 'missing_parameter', 'event_type', /is missing/],
])('a webhook endpoint: %s is refused in the words of OpenAI', async (_, path, body, status, code, param, text) => {
  const response = await house.post(`/v1/webhook_endpoints${path.replace('ID', id)}`, body)
  const told = await answer(response)
  expect(told).toMatchObject({ status, code, param })
  expect(told.text).toMatch(text)
})

test.each<[string, string, string, object | undefined, number, string, string | null]>([
  ['an unknown status', 'GET', '/v1/deliveries?status=lost', undefined, 400, 'invalid_request', 'status'],
  ['a strange endpoint', 'GET', '/v1/deliveries?endpoint=x', undefined, 400, 'invalid_request', 'endpoint'],
  ['a limit of 0', 'GET', '/v1/deliveries?limit=0', undefined, 400, 'invalid_request', 'limit'],
  ['a strange id', 'GET', '/v1/deliveries/..%2f', undefined, 404, 'not_found', 'id'],
  ['no such delivery', 'POST', '/v1/deliveries/msg_00000000000000000000000000/redeliver', {}, 404, 'not_found', 'id'],
  ['no such job', 'POST', '/v1/jobs/job_00000000000000000000000000/redeliver', {}, 404, 'not_found', 'id'],
  ['no time', 'POST', '/v1/redeliveries', {}, 400, 'missing_parameter', 'since'],
  ['a time in words', 'POST', '/v1/redeliveries', { since: 'today' }, 400, 'invalid_request', 'since'],
  [
    'what was delivered',
    'POST',
    '/v1/redeliveries',
    { since: 0, status: 'delivered' },
    400,
    'invalid_request',
    'status',
  ],
  ['another endpoint', 'POST', '/v1/redeliveries', { since: 0, endpoint_id: UNKNOWN }, 404, 'not_found', 'endpoint_id'],
])('deliveries: %s is refused as a problem', async (_, method, path, body, status, code, param) => {
  const response = await (body ? house.post(path, body) : house.fetch(path, { method }))
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer(response)).toMatchObject({ status, code, param })
})

test('every door takes webhook_events, refuses what it does not know, and wants the URL they are for', async () => {
  const doors: [string, object][] = [
    ['/v1/jobs', JOB],
    ['/v1/videos', VIDEO],
    ['/v1/images/generations', { model: 'runway/gen4_image', prompt: 'a lake', wait: false }],
  ]
  const webhook_url = HOOK.url
  for (const [path, body] of doors) {
    const unknown = await answer(await house.post(path, { ...body, webhook_url, webhook_events: ['video.running'] }))
    expect(unknown, path).toMatchObject({ status: 400, code: 'invalid_request', param: 'webhook_events[0]' })
    const alone = await answer(await house.post(path, { ...body, webhook_events: ['*'] }))
    expect(alone, path).toMatchObject({ status: 400, code: 'missing_parameter', param: 'webhook_url' })
  }
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...VIDEO, webhook_url })) form.set(name, value)
  form.append('webhook_events[]', 'job.failed')
  form.append('webhook_events[]', 'video.canceled')
  const made = await house.fetch('/v1/videos', { method: 'POST', body: form })
  const { id } = (await made.json()) as { id: string } // looked up
  expect((await house.get(id)).request.webhookEvents?.toSorted()).toEqual([
    'audio.failed',
    'image.failed',
    'model3d.failed',
    'text.failed',
    'video.canceled',
    'video.failed',
  ])
})

test('a team has at most twenty endpoints, however many requests race, and another team’s do not count', async () => {
  const make = (key?: string) => house.post('/v1/webhook_endpoints', HOOK, { ...(key && { key }) })
  const answers = await Promise.all(Array.from({ length: 25 }, () => make()))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
  const refused = answers.find(({ status }) => status !== 200)
  if (!refused) throw new Error('expected one refusal')
  expect(await answer(refused)).toMatchObject({ status: 409, code: 'too_many_endpoints' })
  expect((await make(OTHER_KEY)).status).toBe(200)
})

test('without encryption keys no endpoint is made, and the sentence says what to set', async () => {
  const bare = await openApi()
  try {
    const told = await answer(await bare.post('/v1/webhook_endpoints', HOOK))
    expect(told).toMatchObject({ status: 409, code: 'encryption_unavailable' })
    expect(told.text).toMatch(/ENCRYPTION_KEYS/)
  } finally {
    await bare.close()
  }
})

test('a key that may name some hosts only registers no others', async () => {
  const made = await house.post('/api/keys', {
    name: 'narrow',
    scopes: ['webhooks:manage'],
    callback_hosts: ['*.example.org'],
  })
  const { key } = (await made.json()) as { key: string } // shown once
  const told = await answer(await house.post('/v1/webhook_endpoints', HOOK, { key }))
  expect(told).toMatchObject({ status: 403, code: 'forbidden', param: 'url' })
  expect(
    await answer(await house.post(`/v1/webhook_endpoints/${id}`, { url: 'https://example.org/' }, { key })),
  ).toMatchObject({ status: 403 })
})
