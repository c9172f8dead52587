import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { FileList, FileObject } from '@genqueue/contract'
import OpenAI, { NotFoundError, toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'
import { StoredFiles } from '../files/stored-files.ts'

const png = await readFile(new URL('../../../../packages/simulator/media/output.png', import.meta.url))
const sha256 = createHash('sha256').update(png).digest('hex')

let house: OpenApi
let client: OpenAI
beforeAll(async () => {
  house = await openApi({ MAX_FILE_MB: '0.1' })
  client = new OpenAI({ apiKey: ADMIN_KEY, baseURL: `${house.url}/v1`, maxRetries: 0 })
})
afterAll(() => house.close())

const upload = async () => client.files.create({ file: await toFile(png, 'first.png'), purpose: 'vision' })
const prefersAsync = { headers: { prefer: 'respond-async' } }
const idOf = async (response: Response) => {
  expect(response.ok, await response.clone().text()).toBe(true)
  return ((await response.json()) as { id: string }).id // found below
}

test('the stock openai SDK stores, shows, lists, downloads and deletes', async () => {
  const made = await upload()
  expect(FileObject.parse(made)).toMatchObject({ bytes: png.length, filename: 'first.png', purpose: 'vision', sha256 })
  expect(made.expires_at).toBeGreaterThan(Date.now() / 1000 + 29 * 86_400)
  expect(await client.files.retrieve(made.id)).toEqual(made)
  const content = await client.files.content(made.id)
  expect(Buffer.from(await content.arrayBuffer()).equals(png)).toBe(true)

  const others = [await upload(), await upload()]
  const seen: string[] = []
  for await (const { id } of client.files.list({ limit: 2 })) seen.push(id)
  expect(seen).toEqual([...others.toReversed(), made].map(({ id }) => id))
  expect((await client.files.list({ purpose: 'other' })).data).toEqual([])

  expect(await client.files.delete(made.id)).toEqual({ id: made.id, object: 'file', deleted: true })
  await expect(client.files.retrieve(made.id)).rejects.toThrow(NotFoundError)
  expect((await house.storedFiles()).some((name) => name.startsWith(made.id))).toBe(false)
  for (const { id } of others) await client.files.delete(id)
})

test('a file goes in wherever an image does, and stays when the job goes', async () => {
  const { id } = await upload()
  const input = { key: `files/${id}.png`, bytes: png.length, contentType: 'image/png', kept: true }
  const video = { model: 'runway/gen4_turbo', prompt: 'x' }
  const image = { model: 'runware/runware:101@1', prompt: 'x' }
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...video, 'input_reference[file_id]': id })) form.set(name, value)
  const calls = [
    () => house.post('/v1/videos', { ...video, input_reference: { file_id: id } }),
    () => house.post('/v1/videos', { ...video, input_reference: id }),
    () => house.fetch('/v1/videos', { method: 'POST', body: form }),
    () => {
      const references = [{ uri: id, position: 'first' }]
      return house.post('/v1/videos', { ...video, model: 'runware/klingai:5@3', references })
    },
    () => house.post('/v1/images/edits', { ...image, image: id, mask: id }, prefersAsync),
    () => house.post('/v1/images/edits', { ...image, image: [{ file_id: id }] }, prefersAsync),
    () => house.post('/v1/images/generations', { ...image, reference_images: [id] }, prefersAsync),
    () => house.post('/v1/jobs', { provider: 'runware', operation: 'caption', input: { inputImage: id } }),
  ]
  const bodies: object[] = []
  for (const call of calls) {
    const { request } = await house.get(await idOf(await call()))
    expect(request.inputs).toMatchObject([input])
    bodies.push(request.body)
  }
  const place = { $input: 0 }
  expect(bodies).toMatchObject([
    { promptImage: place },
    { promptImage: place },
    { promptImage: place },
    { inputs: { frameImages: [{ image: place, frame: 'first' }] } },
    { seedImage: place, maskImage: place },
    { seedImage: place },
    { referenceImages: [place] },
    { inputImage: place },
  ])

  const job = await idOf(await house.post('/v1/videos', { ...video, input_reference: id }))
  await house.fail(job)
  expect((await house.fetch(`/v1/jobs/${job}`, { method: 'DELETE' })).status).toBe(204)
  expect(await house.storedFiles()).toContain(`${id}.png`)
  await client.files.delete(id)
})

test('a prompt that is a file id stays a prompt, and the same file counts as the same request', async () => {
  const { id } = await upload()
  const headers = { 'idempotency-key': 'with-a-file', prefer: 'respond-async' }
  const body = { model: 'runware/runware:101@1', prompt: id, image: id }
  const first = await idOf(await house.post('/v1/images/edits', body, { headers }))
  expect((await house.get(first)).request.body).toMatchObject({ positivePrompt: id })
  const twin = await upload()
  expect(await idOf(await house.post('/v1/images/edits', { ...body, image: twin.id }, { headers }))).toBe(first)
  for (const each of [id, twin.id]) await client.files.delete(each)
})

test("another team's file is not found anywhere", async () => {
  const { id } = await upload()
  const key = OTHER_KEY
  const found = { error: expect.objectContaining({ code: 'not_found' }) }
  for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`]) {
    expect(await (await house.fetch(path, { key })).json()).toEqual(found)
  }
  expect((await house.fetch(`/v1/files/${id}`, { key, method: 'DELETE' })).status).toBe(404)
  const image = { model: 'runware/runware:101@1', image: id }
  expect(await (await house.post('/v1/images/edits', image, { key })).json()).toMatchObject({
    error: { code: 'not_found', param: 'image' },
  })
  const native = { provider: 'runware', operation: 'caption', input: { inputImage: id } }
  expect(await (await house.post('/v1/jobs', native, { key })).json()).toMatchObject({ param: 'input[inputImage]' })
  expect(FileList.parse(await (await house.fetch('/v1/files', { key })).json()).data).toEqual([])
  await client.files.delete(id)
})

test.each<[string, (form: FormData) => void, number, string, string | null]>([
  ['no file', () => undefined, 400, 'missing_parameter', 'file'],
  ['words as file', (form) => form.set('file', 'a.png'), 400, 'invalid_request', 'file'],
  ['what is no media', (form) => form.set('file', new Blob(['hello'])), 400, 'invalid_input_reference', 'file'],
  [
    'what is too large',
    (form) => form.set('file', new Blob([png, Buffer.alloc(200_000)])),
    413,
    'file_too_large',
    'file',
  ],
  ['a field that is not known', (form) => form.set('folder', 'a'), 400, 'unknown_parameter', 'folder'],
  [
    'an end that is too near',
    (form) => form.set('expires_after[seconds]', '1'),
    400,
    'missing_parameter',
    'expires_after[anchor]',
  ],
])('an upload of %s is refused and leaves nothing', async (_, change, status, code, param) => {
  const form = new FormData()
  if (code === 'unknown_parameter' || param === 'expires_after[anchor]') form.set('file', new Blob([png]), 'a.png')
  change(form)
  const response = await house.fetch('/v1/files', { method: 'POST', body: form })
  expect([response.status, await response.json()]).toMatchObject([status, { error: { code, param } }])
  expect((await house.storedFiles()).filter((name) => name.startsWith('file_'))).toEqual([])
})

test('a request that names more files than any vendor takes is refused unread', async () => {
  const ids = Array.from({ length: 51 }, (_, index) => `file_01ARZ3NDEKTSV4RRFFQ69G5F${String(index).padStart(2, '0')}`)
  const native = { provider: 'runware', operation: 'imageInference', input: { referenceImages: ids } }
  const response = await house.post('/v1/jobs', native)
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid_request' }])
})

test('JSON is refused, as a file has no place in it', async () => {
  const response = await house.post('/v1/files', { file: 'x' })
  expect([response.status, await response.json()]).toMatchObject([415, { error: { code: 'unsupported_media_type' } }])
})

test('an expired file is gone, bytes and all', async () => {
  const form = new FormData()
  form.set('file', new Blob([png]), 'a.png')
  form.set('expires_after[anchor]', 'created_at')
  form.set('expires_after[seconds]', '60')
  const { id, expires_at } = FileObject.parse(
    await (await house.fetch('/v1/files', { method: 'POST', body: form })).json(),
  )
  expect((expires_at ?? 0) - Date.now() / 1000).toBeLessThan(61)
  const files = new StoredFiles({ redis: house.redis, prefix: house.keys.prefix })
  const sweep = (nowMs: number) => files.sweep(nowMs, (key) => house.storage.delete(key))
  expect(await sweep(Date.now())).toBe(0)
  expect(await house.redis.pttl(`${house.keys.prefix}:files:record:${id}`)).toBeGreaterThan(50_000)
  expect(await sweep(Date.now() + 61_000)).toBe(1)
  expect((await house.storedFiles()).filter((name) => name.startsWith('file_'))).toEqual([])
  expect(await house.redis.zcard(`${house.keys.prefix}:files:expiring`)).toBe(0)
  expect((await client.files.list()).data).toEqual([])
})
