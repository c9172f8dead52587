import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_KEY, JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from './api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi({ MAX_DATA_URI_MB: '0.02', MAX_FILE_MB: '0.05' })
})
afterAll(() => house.close())

type Wanted = { status: number; code: string; param?: string | null; says?: RegExp }
type OpenaiError = { error: { message: string; type: string; param: string | null; code: string } }

async function expectOpenai(response: Response, { status, code, param = null, says = /\w/ }: Wanted) {
  const body = (await response.json()) as OpenaiError // every field is compared
  expect(body).toEqual({
    error: { message: expect.stringMatching(says), type: expect.any(String), param, code },
  })
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(response.headers.get('x-request-id')).toMatch(/^req_/)
}

async function expectProblem(response: Response, { status, code, param = null, says = /\w/ }: Wanted) {
  expect(await response.json()).toEqual({
    type: 'about:blank',
    title: expect.stringMatching(/\w/),
    status,
    detail: expect.stringMatching(says),
    code,
    param,
    request_id: response.headers.get('x-request-id'),
  })
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
}

const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
const video = (parts: object) => JSON.stringify({ ...VIDEO, ...parts })
const image = (value: unknown) => video({ model: 'runway/gen4_turbo', input_reference: value })

describe('POST /v1/videos', () => {
  test.each<[string, string, Wanted]>([
    ['no JSON', '{"model":', { status: 400, code: 'invalid_json', says: /JSON/ }],
    ['nothing', '', { status: 400, code: 'invalid_json', says: /empty/ }],
    ['a list', '[]', { status: 400, code: 'invalid_request', says: /object/ }],
    ['deep JSON', `{"model":${deep}}`, { status: 400, code: 'json_too_deep', says: /32/ }],
    ['10 MB', video({ prompt: 'a'.repeat(10_000_000) }), { status: 413, code: 'body_too_large', says: /262144/ }],
    ['no model', '{"prompt":"x"}', { status: 400, code: 'missing_parameter', param: 'model' }],
    [
      'no provider',
      video({ model: 'gen4.5' }),
      { status: 400, code: 'invalid_model', param: 'model', says: /runway\// },
    ],
    ['an unknown provider', video({ model: 'acme/x' }), { status: 400, code: 'invalid_model', param: 'model' }],
    ['no model of a provider', video({ model: 'runware/' }), { status: 400, code: 'invalid_model', param: 'model' }],
    ['a number as model', video({ model: 4 }), { status: 400, code: 'invalid_model', param: 'model', says: /string/ }],
    ['a bad size', video({ size: 'huge' }), { status: 400, code: 'invalid_size', param: 'size', says: /1280x720/ }],
    ['a wrong size', video({ size: '1x1' }), { status: 400, code: 'invalid_size', param: 'size', says: /offers/ }],
    [
      'bad seconds',
      video({ seconds: 'ten' }),
      { status: 400, code: 'invalid_seconds', param: 'seconds', says: /2 to 10/ },
    ],
    ['far seconds', video({ seconds: '99' }), { status: 400, code: 'invalid_seconds', param: 'seconds' }],
    ['a bad seed', video({ seed: 'x' }), { status: 400, code: 'invalid_request', param: 'seed', says: /number/ }],
    [
      'a bad priority',
      video({ priority: 1001 }),
      { status: 400, code: 'invalid_request', param: 'priority', says: /1000/ },
    ],
    ['bad metadata', video({ metadata: { a: 1 } }), { status: 400, code: 'invalid_request', param: 'metadata[a]' }],
    [
      'an unknown deadline',
      video({ deadlines: { poll_seconds: 1 } }),
      { status: 400, code: 'unknown_parameter', param: 'deadlines[poll_seconds]' },
    ],
    [
      'a long data URI',
      image(`data:image/png;base64,${'A'.repeat(30_000)}`),
      { status: 413, code: 'data_uri_too_large', param: 'input_reference' },
    ],
    [
      'a data URI of text',
      image(`data:text/plain;base64,AAAA`),
      { status: 400, code: 'invalid_input_reference', param: 'input_reference' },
    ],
    [
      'a plain http image',
      image('http://images.example.com/a.png'),
      { status: 400, code: 'blocked_url', param: 'input_reference' },
    ],
    [
      'a private image',
      image({ image_url: 'https://169.254.169.254/a.png' }),
      { status: 400, code: 'blocked_url', param: 'input_reference[image_url]' },
    ],
    ['words as image', image('a.png'), { status: 400, code: 'invalid_input_reference', param: 'input_reference' }],
    [
      'a file id of nobody',
      image({ file_id: 'file-1' }),
      { status: 404, code: 'not_found', param: 'input_reference[file_id]', says: /id/ },
    ],
    [
      'a private video',
      video({ video_uri: 'https://10.0.0.1/a.mp4' }),
      { status: 400, code: 'blocked_url', param: 'video_uri' },
    ],
    [
      'a private reference',
      video({ references: [{ uri: 'https://ok.example.com/a' }, { uri: '\thttps://localhost/a' }] }),
      { status: 400, code: 'blocked_url', param: 'references[1][uri]' },
    ],
    [
      'a private webhook',
      video({ webhook_url: 'https://127.0.0.1/h' }),
      { status: 400, code: 'blocked_url', param: 'webhook_url' },
    ],
    [
      'a webhook by http',
      video({ webhook_url: 'http://hooks.example.com/' }),
      { status: 400, code: 'blocked_url', param: 'webhook_url', says: /https/ },
    ],
    ['no URL as webhook', video({ webhook_url: 'hooks' }), { status: 400, code: 'invalid_url', param: 'webhook_url' }],
    [
      'a forged input',
      video({ promptImage: { $input: 0 } }),
      { status: 400, code: 'invalid_request', param: 'promptImage[$input]' },
    ],
  ])('refuses %s', async (_, body, wanted) => {
    await expectOpenai(await house.post('/v1/videos', body), wanted)
    expect(await house.storedFiles()).toEqual([])
  })

  test('refuses a body of another type, and a form that is none', async () => {
    const headers = { 'content-type': 'text/plain' }
    await expectOpenai(await house.post('/v1/videos', 'x', { headers }), {
      status: 415,
      code: 'unsupported_media_type',
    })
    const multipart = { 'content-type': 'multipart/form-data; boundary=x' }
    await expectOpenai(await house.post('/v1/videos', 'not a form', { headers: multipart }), {
      status: 400,
      code: 'invalid_multipart',
    })
  })

  test('refuses a file that is too large or not what it says, and keeps nothing of it', async () => {
    const send = (content: string | Buffer<ArrayBuffer>, type: string) => {
      const form = new FormData()
      for (const [name, value] of Object.entries({ ...VIDEO, model: 'runway/gen4_turbo' })) form.set(name, value)
      form.set('input_reference', new Blob([content], { type }), 'a.png')
      return house.fetch('/v1/videos', { method: 'POST', body: form })
    }
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(60_000)])
    await expectOpenai(await send(png, 'image/png'), { status: 413, code: 'file_too_large', param: 'input_reference' })
    await expectOpenai(await send('hello', 'image/png'), {
      status: 400,
      code: 'invalid_input_reference',
      param: 'input_reference',
    })
    expect(await house.storedFiles()).toEqual([])
  })
})

test.each<[string, Wanted]>([
  ['limit=101', { status: 400, code: 'invalid_request', param: 'limit', says: /100/ }],
  ['limit=x', { status: 400, code: 'invalid_request', param: 'limit' }],
  ['order=up', { status: 400, code: 'invalid_request', param: 'order', says: /asc, desc/ }],
  ['after=job_1', { status: 400, code: 'invalid_request', param: 'after', says: /must be an id: job_/ }],
  ['status=done', { status: 400, code: 'invalid_request', param: 'status', says: /completed/ }],
  ['created_after=yesterday', { status: 400, code: 'invalid_request', param: 'created_after' }],
])('GET /v1/videos?%s is refused by name', async (query, wanted) => {
  await expectOpenai(await house.fetch(`/v1/videos?${query}`), wanted)
})

test('what the video API has and no provider does is refused in a sentence', async () => {
  for (const path of ['/v1/videos/x/remix', '/v1/videos/edits', '/v1/videos/extensions', '/v1/videos/characters']) {
    await expectOpenai(await house.post(path, {}), { status: 400, code: 'not_supported' })
  }
})

test.each<[string, object, Wanted]>([
  [
    "another provider's operation",
    { provider: 'runware' },
    { status: 400, code: 'invalid_operation', param: 'operation', says: /imageInference/ },
  ],
  ...Object.entries({
    taskUUID: 'a',
    taskType: 'caption',
    webhookURL: 'https://hooks.example.com/',
    deliveryMethod: 'sync',
    includeCost: false,
    outputType: 'base64Data',
  }).map(([field, value]): [string, object, Wanted] => [
    `${field} of Runware`,
    { provider: 'runware', operation: 'imageInference', input: { model: 'a:1@1', [field]: value } },
    { status: 400, code: 'not_supported', param: `input[${field}]`, says: /Leave it out/ },
  ]),
  [
    'an unknown provider',
    { provider: 'acme' },
    { status: 400, code: 'invalid_request', param: 'provider', says: /runway/ },
  ],
  [
    'an unknown operation',
    { operation: 'dream' },
    { status: 400, code: 'invalid_operation', param: 'operation', says: /lip_sync/ },
  ],
  ['text as input', { input: 'x' }, { status: 400, code: 'invalid_request', param: 'input', says: /object/ }],
  ['no input', { input: undefined }, { status: 400, code: 'missing_parameter', param: 'input' }],
  ['an unknown parameter', { webhook: 'x' }, { status: 400, code: 'unknown_parameter', param: 'webhook' }],
  [
    'a private URL in it',
    { input: { promptImage: [{ uri: 'https://[::1]/' }] } },
    { status: 400, code: 'blocked_url', param: 'input[promptImage][0][uri]' },
  ],
  [
    'two idempotency keys',
    { idempotency_key: 'b' },
    { status: 400, code: 'invalid_idempotency_key', param: 'idempotency_key' },
  ],
])('POST /v1/jobs refuses %s', async (_, parts, wanted) => {
  const headers = { 'idempotency-key': 'a' }
  await expectProblem(await house.post('/v1/jobs', { ...JOB, ...parts }, { headers }), wanted)
})

test('a form is refused where only JSON is taken', async () => {
  const response = await house.fetch('/v1/jobs', { method: 'POST', body: new FormData() })
  await expectProblem(response, { status: 415, code: 'unsupported_media_type' })
})

test.each(['a\tb', 'x'.repeat(256), '""', 'ä'])('an idempotency key like %j is refused', async (value) => {
  const response = await house.post('/v1/videos', VIDEO, { headers: { 'idempotency-key': value } })
  await expectOpenai(response, { status: 400, code: 'invalid_idempotency_key', param: 'Idempotency-Key' })
})

test("an unknown id and another team's are the same 404 on every route", async () => {
  const { id } = (await (await house.post('/v1/jobs', JOB)).json()) as { id: string } // compared below
  for (const [job, key] of [
    [id, OTHER_KEY],
    ['job_01ARZ3NDEKTSV4RRFFQ69G5FAV', ADMIN_KEY],
    ['TASK_ID', ADMIN_KEY],
    ['%E0%A4%A', ADMIN_KEY],
    ['a%2Fb', ADMIN_KEY],
  ] as const) {
    const wanted = { status: 404, code: 'not_found', param: 'id' }
    await expectOpenai(await house.fetch(`/v1/videos/${job}`, { key }), wanted)
    await expectOpenai(await house.fetch(`/v1/videos/${job}`, { key, method: 'DELETE' }), wanted)
    await expectOpenai(await house.fetch(`/v1/videos/${job}/content`, { key }), wanted)
    await expectProblem(await house.fetch(`/v1/jobs/${job}`, { key }), wanted)
    await expectProblem(await house.fetch(`/v1/jobs/${job}`, { key, method: 'DELETE' }), wanted)
    await expectProblem(await house.fetch(`/v1/jobs/${job}/cancel`, { key, method: 'POST' }), wanted)
    await expectProblem(await house.fetch(`/v1/jobs/${job}/outputs/0`, { key }), wanted)
  }
  for (const path of ['/v1/videos', '/v1/jobs']) {
    const list = (await (await house.fetch(path, { key: OTHER_KEY })).json()) as { data: unknown[] } // compared
    expect(list.data).toEqual([])
  }
  expect((await house.get(id)).status).toBe('queued')
})

test('unknown addresses and methods are told in the words of their door', async () => {
  await expectOpenai(await house.fetch('/v1/videos/a/b/c'), { status: 404, code: 'not_found' })
  await expectProblem(await house.fetch('/v1/nothing'), { status: 404, code: 'not_found' })
  const response = await house.fetch('/v1/videos', { method: 'PUT' })
  expect(response.headers.get('allow')).toBe('GET, POST, HEAD')
  await expectOpenai(response, { status: 405, code: 'method_not_allowed', says: /POST/ })
})
