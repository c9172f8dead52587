import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContentError, checkContainer } from './container-check.ts'

const media = (name: string) => readFileSync(new URL(`../../../packages/simulator/media/${name}`, import.meta.url))
const box = (type: string, content: Buffer) => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + content.length)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, content])
}
const FILES = [
  ['video/mp4', Buffer.concat([media('output.mp4'), box('free', Buffer.from('a remark at the end'))])],
  ['image/png', media('output.png')],
  ['image/jpeg', media('output.jpg')],
  ['audio/wav', media('output.wav')],
  ['model/gltf-binary', media('output.glb')],
] as const

async function* of(...chunks: Uint8Array[]) {
  yield* chunks
}

/** What came through, and whether it was taken for the whole file. */
async function check(
  contentType: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ bytes: Buffer; whole: boolean }> {
  const passed: Uint8Array[] = []
  try {
    for await (const chunk of checkContainer(chunks, contentType)) passed.push(chunk)
    return { bytes: Buffer.concat(passed), whole: true }
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    return { bytes: Buffer.concat(passed), whole: false }
  }
}

/** Where an MP4 may end: behind a box, once its index and its media are there. */
function wholeLengths(file: Buffer): number[] {
  const lengths: number[] = []
  const seen = new Set<string>()
  for (let at = 0; at < file.length; ) {
    seen.add(file.toString('latin1', at + 4, at + 8))
    at += file.readUInt32BE(at)
    if (seen.has('moov') && seen.has('mdat')) lengths.push(at)
  }
  return lengths
}

describe.each(FILES)('%s', (contentType, file) => {
  test('is passed on unchanged, and every truncation is noticed unless all that counts had arrived', async () => {
    expect(await check(contentType, of(file))).toEqual({ bytes: file, whole: true })
    const taken: number[] = []
    for (let length = 0; length < file.length; length += 1) {
      if ((await check(contentType, of(file.subarray(0, length)))).whole) taken.push(length)
    }
    expect(taken).toEqual(contentType === 'video/mp4' ? wholeLengths(file).slice(0, -1) : [])
  })

  test('is judged the same however the network cuts it into chunks', async () => {
    const cuts = fc.array(fc.nat(file.length), { maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(cuts, fc.oneof(fc.constant(file.length), fc.nat(file.length)), async (at, length) => {
        const edges = [...at.filter((cut) => cut < length), length].toSorted((a, b) => a - b)
        const chunks = edges.map((edge, index) => file.subarray(edges[index - 1] ?? 0, edge))
        const judged = await check(contentType, of(...chunks))
        expect(judged.bytes.equals(file.subarray(0, length))).toBe(true)
        expect(judged.whole).toBe((await check(contentType, of(file.subarray(0, length)))).whole)
      }),
    )
  })

  test('may come a byte at a time', async () => {
    const bytes = Array.from({ length: file.length }, (_, index) => file.subarray(index, index + 1))
    expect((await check(contentType, of(...bytes))).whole).toBe(true)
    expect((await check(contentType, of(...bytes.slice(0, file.length / 2)))).whole).toBe(false)
  })
})

test('a drawing is whole with its end tag, however it is cut into chunks, and with remarks after it', async () => {
  const drawing = media('output.svg').toString().trimEnd()
  for (let cut = 0; cut <= drawing.length; cut += 1) {
    const halves = [Buffer.from(drawing.slice(0, cut)), Buffer.from(drawing.slice(cut))] as const
    expect((await check('image/svg+xml', of(...halves, Buffer.from('<!-- remark -->')))).whole).toBe(true)
    expect((await check('image/svg+xml', of(halves[0]))).whole).toBe(cut === drawing.length)
  }
})

describe('an MP4', () => {
  const FTYP = box('ftyp', Buffer.from('isom\0\0\0\0'))
  const MOOV = box('moov', Buffer.alloc(100))
  const large = (bytes: number) => {
    const head = Buffer.alloc(16)
    head.writeUInt32BE(1)
    head.write('mdat', 4, 'latin1')
    head.writeBigUInt64BE(BigInt(16 + bytes), 8)
    return Buffer.concat([head, Buffer.alloc(bytes)])
  }

  test('with a 64-bit box is walked by its long size', async () => {
    const file = Buffer.concat([FTYP, large(50), MOOV])
    expect((await check('video/mp4', of(file))).whole).toBe(true)
    for (let length = 0; length < file.length; length += 1) {
      expect((await check('video/mp4', of(file.subarray(0, length)))).whole).toBe(false)
    }
  })

  test('whose last box reaches to the end of the file cannot be judged by its length', async () => {
    const open = Buffer.concat([Buffer.from([0, 0, 0, 0]), Buffer.from('mdat and so on')])
    expect((await check('video/mp4', of(FTYP, MOOV, open))).whole).toBe(true)
    expect((await check('video/mp4', of(FTYP, open))).whole).toBe(false)
  })

  test.each(['video/quicktime', 'video/3gpp', 'audio/mp4'])('is the same container as %s', async (contentType) => {
    expect((await check(contentType, of(FTYP, MOOV))).whole).toBe(false)
  })
})

test('a RIFF written by an encoder that did not know its length is taken as it is', async () => {
  for (const size of [0, 0xffffffff]) {
    const head = Buffer.from('RIFF\0\0\0\0WAVE')
    head.writeUInt32LE(size, 4)
    expect((await check('audio/wav', of(head))).whole).toBe(true)
  }
})

test('other types pass, and an error of the source is passed on as it is', async () => {
  expect((await check('application/zip', of(Buffer.from('PK')))).whole).toBe(true)
  const failing = (async function* () {
    yield Buffer.from('RIFF')
    throw new Error('cut')
  })()
  await expect(check('audio/wav', failing)).rejects.toThrow('cut')
})
