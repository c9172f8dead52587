import { StorageError } from '@genqueue/storage'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataUri, IntakeFixture, inPieces, JOB_ID, keyOf, MP4, PNG, pngOf } from './intake-fixture.ts'
import type { InputStorage } from './intake-inputs.ts'
import { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from './intake-limits.ts'
import { readBody } from './read-body.ts'

let fixture: IntakeFixture
beforeEach(async () => {
  fixture = await IntakeFixture.open()
})
afterEach(() => fixture[Symbol.asyncDispose]())

async function readForm(entries: readonly (readonly [string, string | File])[], limits: Partial<IntakeLimits> = {}) {
  const form = new FormData()
  for (const [name, entry] of entries) form.append(name, entry)
  return fixture.receive(new Request('http://localhost/', { method: 'POST', body: form }), limits)
}
const file = (bytes: Uint8Array, name = 'cat.png', type = '') => new File([Uint8Array.from(bytes)], name, { type })

describe('input_reference', () => {
  test('as a file goes to storage and keeps its name', async () => {
    const { value, inputs, discard } = await readForm([
      ['input_reference', file(PNG)],
      ['prompt', 'a cat'],
    ])
    expect(value).toEqual({ input_reference: { $input: 0 }, prompt: 'a cat' })
    expect(inputs).toEqual([
      {
        key: `inputs/${JOB_ID}/0.png`,
        bytes: PNG.byteLength,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        contentType: 'image/png',
        filename: 'cat.png',
      },
    ])
    expect(await fixture.bytesOf(`inputs/${JOB_ID}/0.png`)).toEqual(PNG)
    await discard()
    expect(await fixture.keys()).toEqual([])
  })

  test.each([
    ['a URL', 'input_reference', 'https://example.com/cat.png', { input_reference: 'https://example.com/cat.png' }],
    ['a short data URI', 'input_reference', dataUri(PNG), { input_reference: dataUri(PNG) }],
    ['a long data URI', 'input_reference', dataUri(pngOf(9000)), { input_reference: { $input: 0 } }],
    ['image_url', 'input_reference[image_url]', 'https://a.b', { input_reference: { image_url: 'https://a.b' } }],
    [
      'a long image_url',
      'input_reference[image_url]',
      dataUri(pngOf(9000)),
      { input_reference: { image_url: { $input: 0 } } },
    ],
    ['file_id', 'input_reference[file_id]', 'file_1', { input_reference: { file_id: 'file_1' } }],
  ])('as %s', async (_, name, text, value) => {
    expect((await readForm([[name, text]])).value).toEqual(value)
  })
})

test('a list of files is a list of places, in order', async () => {
  const files = [file(PNG, 'a.png'), file(MP4, 'b.mp4')]
  const { value, inputs } = await readForm(files.map((it) => ['image[]', it]))
  expect(value).toEqual({ image: [{ $input: 0 }, { $input: 1 }] })
  expect(inputs).toMatchObject([{ filename: 'a.png' }, { filename: 'b.mp4', contentType: 'video/mp4' }])
})

test.each([
  ['../../etc/passwd', 'passwd'],
  ['C:\\pictures\\cat.png', 'cat.png'],
  ['..', 'input-0.png'],
  ['a\u0000b\u007f.png', 'ab.png'],
  [`${'x'.repeat(300)}.png`, 'x'.repeat(200)],
])('of the filename %j remains %j', async (name, expected) => {
  expect((await readForm([['a', file(PNG, name)]])).inputs).toMatchObject([{ filename: expected }])
})

test.each([
  ['an empty file', [['v', file(new Uint8Array())]], {}, 'invalid_input_reference', 'v'],
  ['a file of unknown format', [['v', file(Buffer.from('<svg xmlns="x">'))]], {}, 'invalid_input_reference', 'v'],
  ['a GIF', [['v', file(Buffer.from('GIF89a......'))]], {}, 'invalid_input_reference', 'v'],
  ['a file whose type its bytes contradict', [['v', file(MP4, 'a', 'image/png')]], {}, 'invalid_input_reference', 'v'],
  ['a file too large', [['v', file(pngOf(9000))]], { maxFileBytes: 8999 }, 'file_too_large', 'v'],
  ['one file too many', [['v', file(PNG)]], { maxFiles: 1 }, 'invalid_request', 'v'],
  ['a text too long', [['v[w]', 'x'.repeat(33_000)]], {}, 'invalid_request', 'v[w]'],
  ['too much text', [['v', 'x'.repeat(30_000)]], { maxJsonBytes: 20_000 }, 'body_too_large', undefined],
  ['a data URI too long', [['v', dataUri(pngOf(9000))]], { maxDataUriChars: 9000 }, 'data_uri_too_large', 'v'],
  ['a broken data URI', [['v', `${dataUri(pngOf(9000))}=`]], {}, 'invalid_input_reference', 'v'],
  [
    'too many parts',
    [
      ['v', ''],
      ['w', ''],
    ],
    { maxKeys: 2 },
    'invalid_multipart',
    undefined,
  ],
  ['a body too large', [['v', file(pngOf(9000))]], { maxBodyBytes: 5000 }, 'body_too_large', undefined],
  ['a name used twice', [['u', 'x']], {}, 'invalid_request', 'u'],
] as const)('%s is refused, and nothing stays', async (_, entries, limits, code, param) => {
  await expect(readForm([['u', file(PNG)], ...entries], limits)).rejects.toMatchObject({ code, param })
  expect(await fixture.keys()).toEqual([])
})

test.each([
  ['no boundary', 'multipart/form-data', ''],
  ['an end in the middle of a file', 'multipart/form-data; boundary=b', halfForm()],
  ['text that is not UTF-8', 'multipart/form-data; boundary=b', formOf('v', Buffer.from([0xff]))],
])('%s is invalid_multipart, and nothing stays', async (_, type, body) => {
  const read = fixture.read(inPieces(Buffer.from(body), [50]), type)
  await expect(read).rejects.toMatchObject({ code: 'invalid_multipart', status: 400 })
  expect(await fixture.keys()).toEqual([])
})

test('a storage that fails is answered 503, and what was stored before is deleted', async () => {
  const { storage } = fixture
  const full: InputStorage = {
    put: (key, body, options) =>
      key.endsWith('/1.png')
        ? Promise.reject(new StorageError('unavailable', 'The disk is full'))
        : storage.put(key, body, options),
    delete: (key) => storage.delete(key),
  }
  const form = new FormData()
  for (const name of ['a', 'b', 'c']) form.append(name, file(pngOf(200_000)))
  const request = new Request('http://localhost/', { method: 'POST', body: form })
  const read = readBody(request, { storage: full, keyOf, limits: DEFAULT_INTAKE_LIMITS })
  await expect(read).rejects.toMatchObject({ code: 'storage_unavailable', status: 503 })
  expect(await fixture.keys()).toEqual([])
})

test('the signal ends the reading of a body that does not go on, and nothing stays', async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Uint8Array.from(halfForm())),
  })
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const request = new Request('http://localhost/', { method: 'POST', body, headers, duplex: 'half' })
  const leaving = new AbortController()
  const read = fixture.receive(request, {}, leaving.signal)
  setImmediate(() => leaving.abort())
  await expect(read).rejects.toMatchObject({ code: 'invalid_request' })
  expect(await fixture.keys()).toEqual([])
})

function formOf(name: string, body: Uint8Array): Buffer {
  const head = `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n--b--\r\n')])
}

function halfForm(): Buffer {
  const head = '--b\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n'
  return Buffer.concat([Buffer.from(head), PNG])
}
