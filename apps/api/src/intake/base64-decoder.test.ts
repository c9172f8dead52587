import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Base64Decoder } from './base64-decoder.ts'

/** The bytes, or undefined at the first piece that is refused. */
function decode(text: string, pieceLength: number): Buffer | undefined {
  const decoder = new Base64Decoder()
  const pieces: Buffer[] = []
  for (let at = 0; at < text.length; at += pieceLength) {
    const piece = decoder.push(Buffer.from(text.slice(at, at + pieceLength), 'latin1'))
    if (piece === undefined) return undefined
    pieces.push(piece)
  }
  const end = decoder.end()
  return end && Buffer.concat([...pieces, end])
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((it) => Buffer.from(it))
const pieceLength = fc.integer({ min: 1, max: 30 })

test('bytes come back from their base64, however it is cut, padded or not, in either alphabet', () => {
  const encoding = fc.constantFrom<BufferEncoding>('base64', 'base64url')
  fc.assert(
    fc.property(bytes, encoding, pieceLength, (given, alphabet, length) => {
      expect(decode(given.toString(alphabet), length)).toEqual(given)
    }),
  )
})

test('one character that is not base64 spoils the whole, wherever it stands', () => {
  const foreign = fc.constantFrom(' ', '\n', '%', '*', '.', ',', '\0', '\x80', '\xff', '"')
  fc.assert(
    fc.property(bytes, foreign, fc.nat(), pieceLength, (given, letter, place, length) => {
      const text = given.toString('base64')
      const at = place % (text.length + 1)
      expect(decode(text.slice(0, at) + letter + text.slice(at), length)).toBeUndefined()
    }),
  )
})

test.each(['A', 'AAAAA', 'A===', 'AA=', '=', '==', 'AA==AAAA', 'AAA=A', 'AAAA=', 'AAAA=='])('%s is refused', (text) => {
  for (const length of [1, 3, 100]) expect(decode(text, length)).toBeUndefined()
})
