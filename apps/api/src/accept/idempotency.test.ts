import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_KEY, JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'
import { idempotencyHash } from './idempotency.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const png = await readFile(new URL('../../../../packages/simulator/media/output.png', import.meta.url))
let count = 0
function freshKey(): string {
  count += 1
  return `key-${count}`
}
const idOf = async (response: Response) => ((await response.json()) as { id: string }).id // compared

const form = (parts: Record<string, string>, file: Blob) => {
  const body = new FormData()
  for (const [name, value] of Object.entries(parts)) body.set(name, value)
  body.set('input_reference', file, 'a.png')
  return body
}
const I2V = { ...VIDEO, model: 'runway/gen4_turbo' }
const IMAGE = { model: 'runware/runware:101@1', prompt: 'a lake', size: '512x512' }

/** As a client should: who has a key may ask a 503 again. */
async function patiently(send: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    const response = await send()
    if (response.status !== 503 || tries === 20) return response
    await response.arrayBuffer()
  }
}

test.each<[string, number, (headers: Record<string, string>) => Promise<Response>]>([
  ['POST /v1/jobs', 10, (headers) => house.post('/v1/jobs', JOB, { headers })],
  ['POST /v1/videos', 10, (headers) => house.post('/v1/videos', VIDEO, { headers })],
  [
    'POST /v1/videos with a file',
    2,
    (headers) => house.fetch('/v1/videos', { method: 'POST', body: form(I2V, new Blob([png])), headers }),
  ],
  [
    'POST /v1/images/generations',
    10,
    (headers) => house.post('/v1/images/generations', IMAGE, { headers: { ...headers, prefer: 'respond-async' } }),
  ],
])('%s: fifty racing requests with one key make one job, %i times over', async (_, rounds, send) => {
  for (let round = 1; round <= rounds; round += 1) {
    const headers = { 'idempotency-key': freshKey() }
    const before = await house.redis.zcard(house.keys.list('default'))
    const responses = await Promise.all(Array.from({ length: 50 }, () => patiently(() => send(headers))))
    const replays = responses.filter((response) => response.headers.get('idempotent-replayed') === 'true')
    // The one that made it may itself have been answered 503, and told the second time.
    expect(replays.length).toBeGreaterThanOrEqual(49)
    // What a response holds is compared.
    const bodies = await Promise.all(responses.map(async (response) => (await response.json()) as { id: string }))
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(1)
    expect(await house.redis.zcard(house.keys.list('default'))).toBe(before + 1)
  }
})

describe('while a long body with the key is still being taken in', () => {
  const LONG = form(I2V, new Blob([png, new Uint8Array(400_000)]))

  async function openUpload(key: string) {
    const { body, headers } = new Response(LONG)
    const bytes = Buffer.from(await new Response(body).arrayBuffer())
    const { hostname, port } = new URL(house.url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    const head = {
      host: 'localhost',
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': headers.get('content-type') ?? '',
      'content-length': String(bytes.byteLength),
      'idempotency-key': key,
    }
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`)
    socket.write(`POST /v1/videos HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    socket.write(bytes.subarray(0, 300_000))
    const isHeld = async () => (await house.redis.keys(`${house.keys.prefix}:intake:*`)).length
    await expect.poll(isHeld).toBe(1)
    return { socket, finish: () => socket.write(bytes.subarray(300_000)), answer: () => answer, isHeld }
  }
  const again = (key: string, team = ADMIN_KEY) =>
    house.fetch('/v1/videos', { method: 'POST', body: LONG, headers: { 'idempotency-key': key }, key: team })

  test('a second one is told to come back, another team is not, and the first makes the only job', async () => {
    const key = freshKey()
    const { socket, finish, answer, isHeld } = await openUpload(key)
    const refused = await again(key)
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ error: { code: 'idempotency_in_flight', param: 'Idempotency-Key' } })
    expect(Object.fromEntries(refused.headers)).toMatchObject({ 'x-should-retry': 'false', 'retry-after': '1' })
    expect((await again(key, OTHER_KEY)).status).toBe(200)
    finish()
    await expect.poll(answer).toContain('HTTP/1.1 200')
    const replay = await again(key)
    expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
    expect(answer()).toContain(await idOf(replay))
    expect(await isHeld()).toBe(0)
    socket.destroy()
  })

  test('a first one that gives up does not stand in the way', async () => {
    const key = freshKey()
    const { socket, isHeld } = await openUpload(key)
    socket.destroy()
    await expect.poll(isHeld).toBe(0)
    expect((await again(key)).headers.get('idempotent-replayed')).toBeNull()
  })

  test('one that dies with its server does so for a while at most', async () => {
    const key = freshKey()
    const { socket, isHeld } = await openUpload(key)
    const [lease = ''] = await house.redis.keys(`${house.keys.prefix}:intake:*`)
    expect(await house.redis.pttl(lease)).toBeGreaterThan(0)
    expect(await house.redis.pttl(lease)).toBeLessThanOrEqual(30_000)
    socket.destroy()
    await expect.poll(isHeld).toBe(0)
  })
})

test('the same request in another order of keys, and with the key in quotes, is the same', async () => {
  const key = freshKey()
  const first = await idOf(await house.post('/v1/videos', VIDEO, { headers: { 'idempotency-key': key } }))
  const turned = Object.fromEntries(Object.entries(VIDEO).toReversed())
  const second = await house.post('/v1/videos', turned, { headers: { 'idempotency-key': `"${key}"` } })
  expect(await idOf(second)).toBe(first)
})

test('another request under the same key is refused', async () => {
  const headers = { 'idempotency-key': freshKey() }
  await house.post('/v1/videos', VIDEO, { headers })
  for (const changed of [
    { prompt: 'another' },
    { webhook_url: 'https://hooks.example.com/' },
    { metadata: { a: 'b' } },
  ]) {
    const response = await house.post('/v1/videos', { ...VIDEO, ...changed }, { headers })
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ error: { code: 'idempotency_key_reused', param: 'Idempotency-Key' } })
  }
})

test('a key is known per team and per route', async () => {
  const headers = { 'idempotency-key': freshKey() }
  const ids = await Promise.all([
    idOf(await house.post('/v1/videos', VIDEO, { headers })),
    idOf(await house.post('/v1/videos', VIDEO, { headers, key: OTHER_KEY })),
    idOf(await house.post('/v1/jobs', JOB, { headers })),
  ])
  expect(new Set(ids).size).toBe(3)
})

test('a key is kept for a day, or as long as the job can be where that is longer; after that it is a new one', async () => {
  const DAY_MS = 86_400_000
  const lifeOf = async (retentionDays: number, delayDays = 0) => {
    const key = freshKey()
    const send = () =>
      house.post(
        '/v1/jobs',
        {
          ...JOB,
          retention_seconds: retentionDays * 86_400,
          delay_seconds: delayDays * 86_400,
          deadlines: { queue_seconds: 3600, throttled_seconds: 3600, running_seconds: 3600 },
        },
        { headers: { 'idempotency-key': key } },
      )
    const id = await idOf(await send())
    const place = house.keys.idempotency('default', idempotencyHash('POST /v1/jobs', key))
    const leftMs = await house.redis.pttl(place)
    await house.redis.pexpire(place, 1)
    await expect.poll(() => house.redis.exists(place)).toBe(0)
    expect(await idOf(await send())).not.toBe(id)
    return leftMs / DAY_MS
  }
  expect(await lifeOf(0.5)).toBeCloseTo(1, 2)
  expect(await lifeOf(3)).toBeCloseTo(3.125, 2)
  expect(await lifeOf(0.5, 7)).toBeCloseTo(7.625, 2)
})

test('the key may stand in the body of the native door', async () => {
  const body = { ...JOB, idempotency_key: freshKey() }
  const first = await house.post('/v1/jobs', body)
  const second = await house.post('/v1/jobs', body)
  expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([202, 'true'])
  expect(await idOf(second)).toBe(await idOf(first))
  const other = await house.post('/v1/jobs', { ...body, priority: 3 })
  expect([other.status, await other.json()]).toMatchObject([422, { param: 'idempotency_key' }])
})

test('files are compared by their content, and those of a replay are not kept', async () => {
  const headers = { 'idempotency-key': freshKey() }
  const send = (bytes: Buffer) =>
    house.fetch('/v1/videos', { method: 'POST', body: form(I2V, new Blob([new Uint8Array(bytes)])), headers })
  const before = (await house.storedFiles()).length
  const first = await idOf(await send(png))
  expect(await house.storedFiles()).toHaveLength(before + 1)
  expect(await idOf(await send(png))).toBe(first)
  expect((await send(Buffer.concat([png, Buffer.from('x')]))).status).toBe(422)
  expect(await house.storedFiles()).toHaveLength(before + 1)
})

test('a refused request does not use up its key, and a deleted job does not come back', async () => {
  const headers = { 'idempotency-key': freshKey() }
  expect((await house.post('/v1/videos', { ...VIDEO, size: 'x' }, { headers })).status).toBe(400)
  const id = await idOf(await house.post('/v1/videos', VIDEO, { headers }))
  for (let n = 0; n < 2; n += 1) {
    const removed = await house.fetch(`/v1/videos/${id}`, { method: 'DELETE' })
    expect([removed.status, await removed.text()]).toEqual([200, expect.stringContaining('"deleted":true')])
  }
  expect((await house.post('/v1/videos', VIDEO, { headers })).status).toBe(404)
})
