import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inPieces } from './intake-fixture.ts'
import { JsonScanner } from './json-scanner.ts'

const LIMITS = { maxJsonBytes: 100_000, inlineDataUriChars: 120, maxDepth: 100 }
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
const mediaText = fc.base64String({ minLength: 120, maxLength: 400 }).map((base64) => `data:image/png;base64,${base64}`)

/** The same document, its data URIs written with more escapes than anybody needs. */
function escaped(json: string): string {
  const asEscape = (letter: string) => `\\u00${letter.charCodeAt(0).toString(16)}`
  return json.replace(/data:image\/png;base64,[\w+/=]*/g, (uri) => uri.replace(/[a+/]/g, asEscape))
}

async function scan(json: string, pieceSizes: readonly number[]) {
  const diverted: { text: string; param: string }[] = []
  const stream = inPieces(Buffer.from(json), pieceSizes)
  const scanner = new JsonScanner(stream[Symbol.asyncIterator](), {
    limits: LIMITS,
    divert: async (text, param) => {
      const pieces: Uint8Array[] = []
      for await (const piece of text) pieces.push(Uint8Array.from(piece))
      diverted.push({ text: Buffer.concat(pieces).toString(), param })
      return `{"taken":${diverted.length - 1}}`
    },
  })
  return { kept: (await scanner.scan()).toString(), diverted }
}

test('JSON without long data URIs comes through byte for byte, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 6 }), sizes, async (json, pieceSizes) => {
      expect(await scan(json, pieceSizes)).toEqual({ kept: json, diverted: [] })
    }),
    { numRuns: 300 },
  )
})

test('every long data URI is taken out whole, and the rest is what JSON.parse says', async () => {
  const leaf = fc.oneof(mediaText, fc.string(), fc.double(), fc.constant('data: no URI, just long words that begin so'))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('tree')), fc.dictionary(fc.string(), tie('tree'))),
  }))
  await fc.assert(
    fc.asyncProperty(fc.array(tree), fc.boolean(), sizes, async (value, isEscaped, pieceSizes) => {
      const json = isEscaped ? escaped(JSON.stringify(value)) : JSON.stringify(value)
      const { kept, diverted } = await scan(json, pieceSizes)
      const expected: string[] = []
      const replaced = JSON.parse(json, (_, item: unknown) => {
        if (typeof item !== 'string' || !/^data:image\/png;base64,/.test(item)) return item
        return { taken: expected.push(item) - 1 }
      })
      expect(diverted.map(({ text }) => text)).toEqual(expected)
      expect(JSON.parse(kept)).toEqual(replaced)
    }),
    { numRuns: 60 },
  )
})

test('a data URI is named by its place', async () => {
  const uri = `data:image/png;base64,${'A'.repeat(140)}`
  const { diverted } = await scan(JSON.stringify({ a: 1, 'ke"y': [0, { uri }], z: uri }), [3])
  expect(diverted.map(({ param }) => param)).toEqual(['ke"y[1][uri]', 'z'])
})

test('a key that looks like a data URI stays a key', async () => {
  const json = JSON.stringify({ [`data:image/png;base64,${'A'.repeat(140)}`]: 1 })
  expect(await scan(json, [5])).toEqual({ kept: json, diverted: [] })
})

test('bytes that are no JSON at all end in a result or a problem, never in a hang', async () => {
  const soup = fc.array(
    fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'data:a/b;base64,', 'A'.repeat(130), '\\u00'),
  )
  await fc.assert(
    fc.asyncProperty(soup, sizes, async (tokens, pieceSizes) => {
      const outcome = await scan(tokens.join(''), pieceSizes).catch((error: unknown) => error)
      expect(outcome).toSatisfy((it) => (it instanceof Error ? it.name === 'ProblemError' : true))
    }),
    { numRuns: 300 },
  )
})
