import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi({ MAX_FILE_MB: '0.05' })
})
afterAll(() => house.close())

const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(200, 7)])
const URL_OF_IMAGE = 'https://images.example.com/a.png'
const NOBODYS_FILE = 'file_01ARZ3NDEKTSV4RRFFQ69G5FAV'
type Wanted = { status?: number; code: string; param?: string | null; says?: RegExp }

async function expectError(response: Response, { status = 400, code, param = null, says = /\w/ }: Wanted) {
  expect(await response.json()).toEqual({
    error: { message: expect.stringMatching(says), type: expect.any(String), param, code },
  })
  expect(response.status).toBe(status)
  expect(await house.storedFiles()).toEqual([])
}

test.each<[string, object, Wanted]>([
  ['no model', { model: undefined }, { code: 'missing_parameter', param: 'model' }],
  ['an unknown provider', { model: 'acme/x' }, { code: 'invalid_model', param: 'model', says: /runware\// }],
  ['no provider', { model: 'runware:101@1' }, { code: 'invalid_model', param: 'model' }],
  ['a malformed size', { size: '1024' }, { code: 'invalid_size', param: 'size', says: /WIDTHxHEIGHT/ }],
  ['an empty side', { size: '0x512' }, { code: 'invalid_size', param: 'size' }],
  ['n of nothing', { n: 0 }, { code: 'invalid_request', param: 'n', says: /1/ }],
  ['too many', { n: 21 }, { code: 'invalid_request', param: 'n', says: /20/ }],
  ['half an image', { n: 1.5 }, { code: 'invalid_request', param: 'n', says: /whole/ }],
  ['a stream', { stream: true }, { code: 'not_supported', param: 'stream' }],
  ['partial images', { partial_images: 2 }, { code: 'not_supported', param: 'partial_images' }],
  ['another response', { response_format: 'gif' }, { code: 'invalid_request', param: 'response_format', says: /url/ }],
  ['another format', { output_format: 'tiff' }, { code: 'invalid_request', param: 'output_format', says: /webp/ }],
  ['too much quality', { output_compression: 101 }, { code: 'invalid_request', param: 'output_compression' }],
  ['words as seed', { seed: 'x' }, { code: 'invalid_request', param: 'seed', says: /whole number$/ }],
  ['words as image', { image: 'a.png' }, { code: 'invalid_input_reference', param: 'image', says: /data URI/ }],
  ['one bad image of two', { image: [URL_OF_IMAGE, 7] }, { code: 'invalid_input_reference', param: 'image[1]' }],
  ['a number as mask', { mask: 7 }, { code: 'invalid_input_reference', param: 'mask' }],
  ['a private image', { image: 'https://10.0.0.1/a.png' }, { code: 'blocked_url', param: 'image' }],
  ['a private seedImage', { seedImage: 'https://10.0.0.1/a' }, { code: 'blocked_url', param: 'seedImage' }],
  ['a file of nobody', { image: NOBODYS_FILE }, { status: 404, code: 'not_found', param: 'image' }],
  ['a task id', { taskUUID: 'a' }, { code: 'not_supported', param: 'taskUUID', says: /twice/ }],
  ['a private webhook', { webhook_url: 'https://127.0.0.1/' }, { code: 'blocked_url', param: 'webhook_url' }],
  ['n where one is made', { model: 'runway/gen4_image', n: 2 }, { code: 'not_supported', param: 'n' }],
  ['a mask at Runway', { model: 'runway/gen4_image', mask: URL_OF_IMAGE }, { code: 'not_supported', param: 'mask' }],
  [
    'a reference without an address',
    { reference_images: [{ tag: 'one' }] },
    { code: 'invalid_input_reference', param: 'reference_images', says: /uri/ },
  ],
])('POST /v1/images/generations refuses %s', async (_, parts, wanted) => {
  const body = { model: 'runware/runware:101@1', prompt: 'a lake', ...parts }
  await expectError(await house.post('/v1/images/generations', body), wanted)
})

const form = (parts: Record<string, string | Blob>) => {
  const data = new FormData()
  for (const [name, value] of Object.entries({ model: 'runware/runware:101@1', prompt: 'a lake', ...parts })) {
    if (typeof value === 'string') data.append(name, value)
    else data.append(name, value, 'a.png')
  }
  return data
}
const image = (bytes: Buffer<ArrayBuffer> = PNG) => new Blob([bytes], { type: 'image/png' })

test.each<[string, Record<string, string | Blob>, Wanted]>([
  ['no image', {}, { code: 'missing_parameter', param: 'image', says: /edit/ }],
  ['an empty image', { image: '' }, { code: 'missing_parameter', param: 'image' }],
  ['a file under another name', { image: image(), photo: image() }, { code: 'unknown_parameter', param: 'photo' }],
  ['a text as image', { image: new Blob(['hello']) }, { code: 'invalid_input_reference', param: 'image' }],
  [
    'too large an image',
    { image: image(Buffer.concat([PNG, Buffer.alloc(60_000)])) },
    { status: 413, code: 'file_too_large', param: 'image' },
  ],
  ['n in words', { image: image(), n: 'two' }, { code: 'invalid_request', param: 'n' }],
  ['a malformed size', { image: image(), size: 'big' }, { code: 'invalid_size', param: 'size' }],
  ['a stream', { image: image(), stream: 'true' }, { code: 'not_supported', param: 'stream' }],
])('POST /v1/images/edits refuses %s', async (_, parts, wanted) => {
  await expectError(await house.fetch('/v1/images/edits', { method: 'POST', body: form(parts) }), wanted)
})

test('addresses that do not exist, methods and strangers are answered in the words of the door', async () => {
  await expectError(await house.post('/v1/images/variations', {}), { code: 'not_supported', says: /edits/ })
  await expectError(await house.fetch('/v1/images/x'), { status: 404, code: 'not_found' })
  await expectError(await house.fetch('/v1/images/edits'), { status: 405, code: 'method_not_allowed', says: /POST/ })
  await expectError(await house.fetch('/v1/files/x', { key: OTHER_KEY }), {
    status: 404,
    code: 'not_found',
    param: 'id',
  })
})
