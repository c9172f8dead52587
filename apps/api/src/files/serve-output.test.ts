import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOB, type OpenApi, openApi, VIDEO } from '../api-fixture.ts'
import { startBucket } from '../bucket-fixture.ts'

const media = (name: string) => readFile(new URL(`../../../../packages/simulator/media/${name}`, import.meta.url))
const mp4 = await media('output.mp4')
const png = await media('output.png')
const etag = `"${createHash('sha256').update(mp4).digest('hex')}"`

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

async function made(files = [{ content: mp4, contentType: 'video/mp4', extension: 'mp4' }]): Promise<string> {
  const { id } = (await (await house.post('/v1/videos', VIDEO)).json()) as { id: string } // used as an id, found or not
  await house.succeed(id, files)
  return `/v1/videos/${id}/content`
}
const codeOf = async (response: Response) =>
  ((await response.json()) as { error?: { code: string }; code?: string }).error?.code // compared

test('the whole file comes with its length, type, hash and a name', async () => {
  const path = await made()
  const response = await house.fetch(path)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'video/mp4',
    'content-length': String(mp4.length),
    'accept-ranges': 'bytes',
    etag,
    'content-disposition': expect.stringMatching(/^attachment; filename="job_\w+-0\.mp4"$/),
  })
  expect(Buffer.from(await response.arrayBuffer()).equals(mp4)).toBe(true)
  expect((await house.fetch(path, { headers: { 'if-none-match': etag } })).status).toBe(304)
})

test.each([
  ['bytes=0-99', 0, 99],
  ['bytes=100-', 100, mp4.length - 1],
  ['bytes=-7', mp4.length - 7, mp4.length - 1],
  ['bytes=5-999999999', 5, mp4.length - 1],
])('a range is answered with that part: %s', async (range, start, end) => {
  const response = await house.fetch(await made(), { headers: { range } })
  expect(response.status).toBe(206)
  expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${mp4.length}`)
  expect(Buffer.from(await response.arrayBuffer()).equals(mp4.subarray(start, end + 1))).toBe(true)
})

test('a range outside is refused; several, odd ones and those of another version give the whole file', async () => {
  const path = await made()
  const outside = await house.fetch(path, { headers: { range: `bytes=${mp4.length}-` } })
  expect(outside.status).toBe(416)
  expect(outside.headers.get('content-range')).toBe(`bytes */${mp4.length}`)
  expect((await house.fetch(path, { headers: { range: 'bytes=-0' } })).status).toBe(416)
  for (const headers of [
    { range: 'bytes=0-1,3-4' },
    { range: 'lines=1-2' },
    { range: 'bytes=9-1' },
    { range: 'bytes=0-1', 'if-range': '"other"' },
  ]) {
    const response = await house.fetch(path, { headers: headers as Record<string, string> }) // only the keys vary
    expect(response.status).toBe(200)
    await response.body?.cancel()
  }
  expect((await house.fetch(path, { headers: { range: 'bytes=0-1', 'if-range': etag } })).status).toBe(206)
})

test('HEAD says the same without the bytes', async () => {
  const response = await house.fetch(await made(), { method: 'HEAD' })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-length')).toBe(String(mp4.length))
  expect(response.headers.get('etag')).toBe(etag)
})

test('a thumbnail is served where the job made an image; other variants are refused in a sentence', async () => {
  const both = await made([
    { content: png, contentType: 'image/png', extension: 'png' },
    { content: mp4, contentType: 'video/mp4', extension: 'mp4' },
  ])
  expect((await house.fetch(both, { method: 'HEAD' })).headers.get('content-type')).toBe('video/mp4')
  const thumbnail = await house.fetch(`${both}?variant=thumbnail`)
  expect(Buffer.from(await thumbnail.arrayBuffer()).equals(png)).toBe(true)

  const path = await made()
  const answers = ['thumbnail', 'spritesheet', 'poster'].map(async (variant) => {
    const response = await house.fetch(`${path}?variant=${variant}`)
    return [response.status, await codeOf(response)]
  })
  expect(await Promise.all(answers)).toEqual([
    [404, 'not_found'],
    [400, 'not_supported'],
    [400, 'invalid_request'],
  ])
})

test('before the end it is not ready, after a failure it never will be, after a clean-up it is gone', async () => {
  const { id } = (await (await house.post('/v1/videos', VIDEO)).json()) as { id: string } // used as an id, found or not
  const waiting = await house.fetch(`/v1/videos/${id}/content`)
  expect([waiting.status, waiting.headers.get('x-should-retry'), waiting.headers.get('retry-after')]).toEqual([
    409,
    'false',
    '2',
  ])
  expect(await codeOf(waiting)).toBe('not_ready')
  await house.fail(id)
  const failed = await house.fetch(`/v1/videos/${id}/content`)
  expect([failed.status, await codeOf(failed)]).toEqual([409, 'job_not_completed'])

  const path = await made()
  await rm(join(house.folder, '2026'), { recursive: true })
  for (const method of ['GET', 'HEAD']) expect((await house.fetch(path, { method })).status).toBe(410)
})

test('outputs of the native door are served by their index', async () => {
  const { id } = (await (await house.post('/v1/jobs', JOB)).json()) as { id: string } // used as an id, found or not
  await house.succeed(id, [{ content: mp4, contentType: 'video/mp4', extension: 'mp4' }])
  const { outputs } = (await (await house.fetch(`/v1/jobs/${id}`)).json()) as { outputs: { url: string }[] } // compared
  expect(outputs[0]?.url).toMatch(new RegExp(`/v1/jobs/${id}/outputs/0$`))
  const response = await house.fetch(`/v1/jobs/${id}/outputs/0`)
  expect(Buffer.from(await response.arrayBuffer()).equals(mp4)).toBe(true)
  expect((await house.fetch(`/v1/jobs/${id}/outputs/1`)).status).toBe(404)
})

test('a bucket serves its own files: GET is sent there, HEAD is answered here', async () => {
  const bucket = await startBucket()
  const shop = await openApi({ STORAGE_URL: 's3://shop-outputs/made', S3_ENDPOINT: bucket.url })
  try {
    const { id } = (await (await shop.post('/v1/videos', VIDEO)).json()) as { id: string } // used as an id, found or not
    await shop.succeed(id, [{ content: mp4, contentType: 'video/mp4', extension: 'mp4' }])
    const response = await shop.fetch(`/v1/videos/${id}/content`)
    expect(response.status).toBe(302)
    const location = new URL(response.headers.get('location') ?? '')
    expect(location.origin).toBe(bucket.url)
    expect(location.pathname).toBe(`/shop-outputs/made/2026/11/${id}/0.mp4`)
    expect(location.searchParams.has('X-Amz-Signature')).toBe(true)
    expect(Buffer.from(await (await fetch(location)).arrayBuffer()).equals(mp4)).toBe(true)

    const head = await shop.fetch(`/v1/videos/${id}/content`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(mp4.length)])
    bucket.objects.clear()
    expect((await shop.fetch(`/v1/videos/${id}/content`)).status).toBe(410)
  } finally {
    await shop.close()
    await bucket.close()
  }
})
