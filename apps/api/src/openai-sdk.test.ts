import { readFile } from 'node:fs/promises'
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  toFile,
  UnprocessableEntityError,
} from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, openApi, VIDEO } from './api-fixture.ts'

const media = (name: string) => readFile(new URL(`../../../packages/simulator/media/${name}`, import.meta.url))

let house: OpenApi
let client: OpenAI
beforeAll(async () => {
  house = await openApi()
  client = clientWith(ADMIN_KEY)
})
afterAll(() => house.close())

const clientWith = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${house.url}/v1` })
// The service's models and sizes are not in the SDK's own lists.
type Create = Parameters<OpenAI['videos']['create']>[0]
const request = (parts: object = {}) => ({ ...VIDEO, ...parts }) as Create

async function caught<Kind extends Error>(work: Promise<unknown>, kind: new (...args: never[]) => Kind): Promise<Kind> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof kind)) throw new Error(`expected a ${kind.name}, got ${error}`)
  return error
}

test('create sends its form, with and without a file, and extra parameters arrive typed', async () => {
  const plain = await client.videos.create(request({ seed: 7, metadata: { order: '9' } }))
  expect(plain).toMatchObject({ object: 'video', status: 'queued', model: 'runway/gen4.5', seconds: '5' })
  const record = await house.get(plain.id)
  expect(record.request).toMatchObject({ body: { seed: 7, duration: 5 }, metadata: { order: '9' } })

  const png = await media('output.png')
  const input_reference = await toFile(png, 'first.png', { type: 'image/png' })
  const withFile = await client.videos.create(
    request({ model: 'runway/gen4_turbo', input_reference, content_moderation: { publicFigureThreshold: 'low' } }),
  )
  const { operation, request: kept } = await house.get(withFile.id)
  expect(operation).toBe('image_to_video')
  expect(kept.inputs).toMatchObject([{ bytes: png.length, contentType: 'image/png' }])
  expect(kept.body).toMatchObject({ contentModeration: { publicFigureThreshold: 'low' } })
})

test('parallel fields of a form become the references they were', async () => {
  const references = [
    { uri: 'https://a.example.com/1.mp4', tag: 'one' },
    { uri: 'https://a.example.com/2.mp4', tag: 'two' },
  ]
  const { id } = await client.videos.create(
    request({
      model: 'runway/some_new_model',
      size: undefined,
      seconds: undefined,
      video_uri: 'https://a.example.com/0.mp4',
      references,
    }),
  )
  expect((await house.get(id)).request.body).toMatchObject({ references })
})

test('JSON, as the Python SDK sends it, is taken as well', async () => {
  const made = await client.post('/videos', { body: VIDEO })
  expect(made).toMatchObject({ object: 'video', status: 'queued' })
})

test('retrieve and delete', async () => {
  const { id } = await client.videos.create(request())
  expect((await client.videos.retrieve(id)).id).toBe(id)
  expect(await client.videos.delete(id)).toEqual({ id, object: 'video.deleted', deleted: true })
  expect(await client.videos.retrieve(id)).toMatchObject({ status: 'failed', error: { code: 'canceled' } })
})

test('list goes through all pages by itself', async () => {
  const made: string[] = []
  for (let n = 0; n < 5; n += 1) made.push((await client.videos.create(request())).id)
  const seen: string[] = []
  for await (const video of client.videos.list({ limit: 2 })) seen.push(video.id)
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.slice(0, 5)).toEqual(made.toReversed())
})

test('downloadContent gives the very bytes', async () => {
  const { id } = await client.videos.create(request())
  const mp4 = await media('output.mp4')
  await house.succeed(id, [{ content: mp4, contentType: 'video/mp4', extension: 'mp4' }])
  const done = await client.videos.retrieve(id)
  expect(done).toMatchObject({ status: 'completed', progress: 100 })
  const response = await client.videos.downloadContent(id)
  expect(response.headers.get('content-type')).toBe('video/mp4')
  expect(Buffer.from(await response.arrayBuffer()).equals(mp4)).toBe(true)
})

test('what is wrong arrives as the typed error, with code, parameter and request id', async () => {
  const bad = await caught(client.videos.create(request({ size: 'huge' })), BadRequestError)
  expect(bad).toMatchObject({ status: 400, code: 'invalid_size', param: 'size', type: 'invalid_request_error' })
  expect(bad.requestID).toMatch(/^req_/)

  const stranger = clientWith('sk-nobody-knows-this-key')
  expect(await caught(stranger.videos.list(), AuthenticationError)).toMatchObject({ code: 'unauthorized' })
  expect(await caught(client.videos.retrieve('video_1'), NotFoundError)).toMatchObject({ code: 'not_found' })

  const headers = { 'Idempotency-Key': 'one' }
  await client.videos.create(request(), { headers })
  const reused = await caught(client.videos.create(request({ prompt: 'other' }), { headers }), UnprocessableEntityError)
  expect(reused).toMatchObject({ code: 'idempotency_key_reused', param: 'Idempotency-Key' })
})

test('a download that is not ready is a conflict, told once and not tried again', async () => {
  const { id } = await client.videos.create(request())
  let requests = 0
  const counting = new OpenAI({
    apiKey: ADMIN_KEY,
    baseURL: `${house.url}/v1`,
    fetch(url, init) {
      requests += 1
      return fetch(url, init)
    },
  })
  expect(await caught(counting.videos.downloadContent(id), ConflictError)).toMatchObject({ code: 'not_ready' })
  expect(requests).toBe(1)
})

test('Redis away is an InternalServerError that says so', async () => {
  const away = await openApi()
  const patient = new OpenAI({ apiKey: ADMIN_KEY, baseURL: `${away.url}/v1`, maxRetries: 0 })
  await away.server.kill('SIGKILL')
  const error = await caught(patient.videos.create(request()), InternalServerError)
  expect(error).toMatchObject({ status: 503, code: 'unavailable', type: 'server_error' })
  await away.close()
})
