import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataUri, IntakeFixture, inPieces, JOB_ID, MP4, PNG, pngOf } from './intake-fixture.ts'

let fixture: IntakeFixture
beforeEach(async () => {
  fixture = await IntakeFixture.open()
})
afterEach(() => fixture[Symbol.asyncDispose]())

const JSON_TYPE = 'application/json'
const LARGE = pngOf(9000)
const small = (value: unknown) => fixture.read(JSON.stringify(value), JSON_TYPE)
const streamed = (value: unknown) => fixture.read(inPieces(Buffer.from(JSON.stringify(value)), [1000]), JSON_TYPE)

describe.each([
  ['a body that says it is small', small],
  ['a body without a length', streamed],
])('%s', (_, read) => {
  test('is what JSON.parse makes of it', async () => {
    const value = { prompt: 'a cat 🐈', seconds: '5', nested: { list: [1, null, true, { a: 'b' }] }, metadata: {} }
    expect((await read(value)).value).toEqual(value)
  })

  test('has its long data URIs in storage and keeps the short ones', async () => {
    const short = dataUri(PNG)
    const intake = await read({
      promptImage: [{ uri: dataUri(LARGE) }, { uri: short }],
      videoUri: dataUri(pngOf(5000)),
    })
    expect(intake.inputs).toMatchObject([
      { bytes: expect.any(Number), contentType: 'image/png', filename: 'input-0.png' },
      { bytes: expect.any(Number), contentType: 'image/png', filename: 'input-1.png' },
    ])
    const [first, second] = intake.inputs.map(({ bytes }) => bytes)
    expect(intake.value).toEqual({
      promptImage: [{ uri: { $input: first === 9000 ? 0 : 1 } }, { uri: short }],
      videoUri: { $input: second === 5000 ? 1 : 0 },
    })
    const key = intake.inputs.find(({ bytes }) => bytes === 9000)?.key ?? ''
    expect(key).toMatch(new RegExp(`^inputs/${JOB_ID}/[01]\\.png$`))
    expect(await fixture.bytesOf(key)).toEqual(LARGE)
    await intake.discard()
    expect(await fixture.keys()).toEqual([])
  })

  test.each([
    ['nesting beyond the limit', { a: nested(40) }, 'json_too_deep', undefined],
    ['a key $input of the caller', { a: { $input: 0 } }, 'invalid_request', 'a[$input]'],
    ['__proto__', JSON.parse('{"a":{"__proto__":{"x":1}}}'), 'invalid_request', 'a[__proto__]'],
    ['constructor.prototype', { constructor: { prototype: {} } }, 'invalid_request', 'constructor[prototype]'],
    ['a text too long', { a: ['x'.repeat(33_000)] }, 'invalid_request', 'a[0]'],
    [
      'too many keys',
      Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i])),
      'invalid_request',
      undefined,
    ],
    ['a list too long', { a: Array.from({ length: 10_001 }, () => 0) }, 'invalid_request', 'a'],
    ['a list', [1], 'invalid_request', undefined],
    ['null', null, 'invalid_request', undefined],
    ['more than maxJsonBytes', { a: Array.from({ length: 9 }, () => 'x'.repeat(32_000)) }, 'body_too_large', undefined],
    ['a short GIF', { a: dataUri(Buffer.from('GIF89a')) }, 'invalid_input_reference', 'a'],
    ['a long text/html', { a: dataUri(LARGE, 'text/html') }, 'invalid_input_reference', 'a'],
    ['a long SVG', { a: dataUri(Buffer.from('<svg>'.repeat(2000)), 'image/svg+xml') }, 'invalid_input_reference', 'a'],
    [
      'a zip that says it is a picture',
      { a: dataUri(Buffer.from(`PK\x03\x04${'\0'.repeat(9000)}`)) },
      'invalid_input_reference',
      'a',
    ],
    ['a type that its bytes contradict', { a: dataUri(LARGE, 'video/mp4') }, 'invalid_input_reference', 'a'],
    ['malformed base64', { x: { y: `${dataUri(LARGE)}*` } }, 'invalid_input_reference', 'x[y]'],
    ['a data URI in percent encoding', { a: `data:image/png,${'%89'.repeat(2000)}` }, 'invalid_input_reference', 'a'],
    ['eleven files', { a: Array.from({ length: 10 }, () => dataUri(pngOf(3500))) }, 'invalid_request', 'a[9]'],
  ])('refuses %s, and nothing stays', async (_, value, code, param) => {
    // With a file before it, so that there is something to leave behind.
    const body =
      typeof value === 'object' && !Array.isArray(value) && value ? { image: dataUri(LARGE), ...value } : value
    await expect(read(body)).rejects.toMatchObject({ code, param })
    expect(await fixture.keys()).toEqual([])
  })
})

test('a data URI beyond its limit is refused by the name of its parameter', async () => {
  const body = JSON.stringify({ input_reference: { image_url: dataUri(pngOf(50_000)) } })
  const read = fixture.read(inPieces(Buffer.from(body), [4096]), JSON_TYPE, { maxDataUriChars: 20_000 })
  await expect(read).rejects.toMatchObject({
    code: 'data_uri_too_large',
    status: 413,
    param: 'input_reference[image_url]',
  })
  expect(await fixture.keys()).toEqual([])
})

test('escapes inside a data URI mean what JSON says they mean', async () => {
  const escaped = JSON.stringify({ a: dataUri(MP4, 'video/mp4').padEnd(10), b: dataUri(LARGE) })
    .replaceAll('/', '\\/')
    .replaceAll('a', '\\u0061')
    .replaceAll('+', '\\u002B')
  const intake = await fixture.read(inPieces(Buffer.from(escaped), [7, 1, 900]), JSON_TYPE)
  expect(intake.value).toEqual({ a: dataUri(MP4, 'video/mp4'), b: { $input: 0 } })
  expect(await fixture.bytesOf(intake.inputs[0]?.key ?? '')).toEqual(LARGE)
})

test('the type in storage is that of the bytes', async () => {
  const intake = await small({ a: dataUri(Buffer.concat([MP4, Buffer.alloc(9000)]), 'audio/mpeg') })
  expect(intake.inputs).toMatchObject([{ contentType: 'video/mp4', key: `inputs/${JOB_ID}/0.mp4` }])
})

test.each([
  ['an empty body', ''],
  ['half a document', '{"a":'],
  ['two documents', '{}{}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
])('%s is invalid_json', async (_, body) => {
  await expect(fixture.read(body, JSON_TYPE)).rejects.toMatchObject({ code: 'invalid_json', status: 400 })
})

test('a million levels are refused without a crash', async () => {
  await expect(fixture.read('['.repeat(250_000), JSON_TYPE)).rejects.toMatchObject({ code: 'invalid_json' })
  const deep = `{"a":${'['.repeat(120_000)}${']'.repeat(120_000)}}`
  await expect(fixture.read(deep, JSON_TYPE)).rejects.toMatchObject({ code: 'json_too_deep' })
  await expect(fixture.read(Buffer.from('['.repeat(1_000_000)), JSON_TYPE)).rejects.toMatchObject({
    code: 'json_too_deep',
  })
})

test.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])(
  'the content type %s is answered 415',
  async (type) => {
    const body = Buffer.from('{}')
    await expect(fixture.read(body, type)).rejects.toMatchObject({ code: 'unsupported_media_type', status: 415 })
  },
)

test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.api+json'])(
  'the content type %s is JSON',
  async (type) => {
    expect((await fixture.read('{"a":1}', type)).value).toEqual({ a: 1 })
  },
)

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)]
}
