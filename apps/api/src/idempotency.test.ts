import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from './api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const png = await readFile(new URL('../../../packages/simulator/media/output.png', import.meta.url))
let count = 0
function freshKey(): string {
  count += 1
  return `key-${count}`
}
const idOf = async (response: Response) => ((await response.json()) as { id: string }).id // compared

test('fifty racing requests with one key make one job', async () => {
  const headers = { 'idempotency-key': freshKey() }
  const before = await house.redis.zcard(house.keys.open)
  const responses = await Promise.all(Array.from({ length: 50 }, () => house.post('/v1/videos', VIDEO, { headers })))
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200))
  const replays = responses.filter((response) => response.headers.get('idempotent-replayed') === 'true')
  expect(replays).toHaveLength(49)
  expect(new Set(await Promise.all(responses.map(idOf))).size).toBe(1)
  expect(await house.redis.zcard(house.keys.open)).toBe(before + 1)
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
  const send = (bytes: Buffer) => {
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...VIDEO, model: 'runway/gen4_turbo' })) form.set(name, value)
    form.set('input_reference', new Blob([new Uint8Array(bytes)], { type: 'image/png' }), 'a.png')
    return house.fetch('/v1/videos', { method: 'POST', body: form, headers })
  }
  const first = await idOf(await send(png))
  expect(await house.storedFiles()).toHaveLength(1)
  expect(await idOf(await send(png))).toBe(first)
  expect((await send(Buffer.concat([png, Buffer.from('x')]))).status).toBe(422)
  expect(await house.storedFiles()).toHaveLength(1)
})

test('a refused request does not use up its key, and a deleted job does not come back', async () => {
  const headers = { 'idempotency-key': freshKey() }
  expect((await house.post('/v1/videos', { ...VIDEO, size: 'x' }, { headers })).status).toBe(400)
  const id = await idOf(await house.post('/v1/videos', VIDEO, { headers }))
  for (let n = 0; n < 2; n += 1) await house.fetch(`/v1/videos/${id}`, { method: 'DELETE' })
  expect((await house.post('/v1/videos', VIDEO, { headers })).status).toBe(404)
})
