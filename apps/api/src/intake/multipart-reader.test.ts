import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inPieces } from './intake-fixture.ts'
import { MultipartReader } from './multipart-reader.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 })

async function readAll(bytes: Uint8Array, boundary: string, pieceSizes: readonly number[]) {
  const parts: { name: string; filename: string | undefined; bytes: string }[] = []
  const reader = new MultipartReader(inPieces(bytes, pieceSizes)[Symbol.asyncIterator](), boundary)
  for await (const { name, filename, body } of reader.parts()) {
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(Uint8Array.from(piece))
    parts.push({ name, filename, bytes: Buffer.concat(pieces).toString('hex') })
  }
  return parts
}

async function encode(form: FormData): Promise<{ bytes: Uint8Array; boundary: string }> {
  const response = new Response(form)
  const boundary = response.headers.get('content-type')?.split('boundary=')[1] ?? ''
  return { bytes: new Uint8Array(await response.arrayBuffer()), boundary }
}

test('a form that fetch wrote is read as it was, however it is cut', async () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n]/.test(text))
  const field = fc.record({ name, text: fc.string({ unit: 'grapheme' }) })
  const file = fc.record({ name, bytes: fc.uint8Array({ maxLength: 300 }), filename: name })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(field, file), { maxLength: 6 }), sizes, async (entries, pieceSizes) => {
      const form = new FormData()
      for (const entry of entries) {
        if ('text' in entry) form.append(entry.name, entry.text)
        else form.append(entry.name, new Blob([Uint8Array.from(entry.bytes)]), entry.filename)
      }
      const { bytes, boundary } = await encode(form)
      const expected = entries.map((entry) => ({
        name: entry.name.toWellFormed(),
        filename: 'text' in entry ? undefined : entry.filename.toWellFormed(),
        // fetch writes line breaks in text as CRLF.
        bytes: Buffer.from('text' in entry ? entry.text.replace(/\r\n|\r|\n/g, '\r\n') : entry.bytes).toString('hex'),
      }))
      expect(await readAll(bytes, boundary, pieceSizes)).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})

const part = (disposition: string, body = 'x') => `--b\r\nContent-Disposition: ${disposition}\r\n\r\n${body}\r\n`

test('a name may hold any character but a line break, Unicode’s line separators included', async () => {
  const form = new FormData()
  form.append('a\u2028b\u2029\u0085', 'x\u2028y')
  const { bytes, boundary } = await encode(form)
  expect(await readAll(bytes, boundary, [7])).toMatchObject([{ name: 'a\u2028b\u2029\u0085' }])
})

test('names as curl and older clients write them are understood', async () => {
  const form = `${part('form-data; name="a\\"b"')}${part("form-data; name=c; filename*=UTF-8''na%C3%AFve.png")}--b--`
  expect(await readAll(Buffer.from(form), 'b', [9])).toEqual([
    { name: 'a"b', filename: undefined, bytes: '78' },
    { name: 'c', filename: 'naïve.png', bytes: '78' },
  ])
})

test('what stands before the first and behind the last boundary does not matter', async () => {
  const form = `hello\r\n${part('form-data; name="a"')}--b--\r\nbye --b bye`
  expect(await readAll(Buffer.from(form), 'b', [5])).toEqual([{ name: 'a', filename: undefined, bytes: '78' }])
})

test.each([
  ['nothing', ''],
  ['no boundary at all', 'x'.repeat(20_000)],
  ['an end inside a part', part('form-data; name="a"').slice(0, -2)],
  ['an end inside a header', '--b\r\nContent-Disp'],
  ['no last boundary', part('form-data; name="a"')],
  ['half of the last boundary', `${part('form-data; name="a"')}--b-`],
  ['a part without a name', `${part('form-data')}--b--`],
  ['a part without a disposition', '--b\r\nX-A: b\r\n\r\nx\r\n--b--'],
  ['a part without a header', '--b\r\n\r\n\r\nx\r\n--b--'],
  ['a disposition that is no form-data', `${part('attachment; name="a"')}--b--`],
  ['a malformed disposition', `${part('form-data; name="a')}--b--`],
  ['a header line that is none', '--b\r\nnonsense\r\n\r\nx\r\n--b--'],
  ['a header that never ends', `--b\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\nx\r\n--b--`],
  ['ten thousand header lines', `--b\r\n${'X-A: b\r\n'.repeat(10_000)}\r\nx\r\n--b--`],
  [
    'a transfer encoding',
    '--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b--',
  ],
  ['a boundary line that goes on', `--bc\r\n${part('form-data; name="a"')}--b--`],
])('%s is invalid_multipart', async (_, form) => {
  await expect(readAll(Buffer.from(form), 'b', [1000])).rejects.toMatchObject({ code: 'invalid_multipart' })
})

test('bytes that are no form at all end in a problem or in parts, never in a hang', async () => {
  const tokens = [
    '--b',
    '\r\n',
    '--',
    '\r\n--b',
    'Content-Disposition: form-data; name="a"',
    ': ',
    ';',
    '"',
    'x',
    '\n',
    '\0',
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...tokens), { maxLength: 30 }), sizes, async (soup, pieceSizes) => {
      const outcome = await readAll(Buffer.from(`--b\r\n${soup.join('')}`), 'b', pieceSizes).catch(
        (error: unknown) => error,
      )
      expect(outcome).toSatisfy((it) => (it instanceof Error ? it.name === 'ProblemError' : true))
    }),
    { numRuns: 500 },
  )
})
