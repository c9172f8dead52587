import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { labelledMedia, type MediaType, sampleMedia } from './media.ts'

/** The sizes of the parts a file is made of, read to the very end; throws where the format is broken. */
const PARSERS: Readonly<Record<MediaType, (bytes: Buffer) => string[]>> = {
  'video/mp4': (bytes) => {
    const boxes: string[] = []
    for (let offset = 0; offset < bytes.length; offset += bytes.readUInt32BE(offset)) {
      boxes.push(bytes.toString('latin1', offset + 4, offset + 8))
    }
    return boxes
  },
  'image/png': (bytes) => {
    const chunks: string[] = []
    for (let offset = 8; offset < bytes.length; ) {
      const size = bytes.readUInt32BE(offset)
      const body = bytes.subarray(offset + 4, offset + 8 + size)
      if (bytes.readUInt32BE(offset + 8 + size) !== crc32(body)) throw new Error('a chunk has a wrong CRC')
      chunks.push(body.toString('latin1', 0, 4))
      offset += size + 12
    }
    return chunks
  },
  'image/jpeg': (bytes) => {
    const markers: string[] = []
    for (let offset = 2; bytes.readUInt8(offset + 1) !== 0xda; offset += 2 + bytes.readUInt16BE(offset + 2)) {
      if (bytes.readUInt8(offset) !== 0xff) throw new Error('a segment starts with no marker')
      markers.push(bytes.readUInt8(offset + 1).toString(16))
    }
    if (bytes.readUInt16BE(bytes.length - 2) !== 0xffd9) throw new Error('the end is missing')
    return markers
  },
  'audio/wav': (bytes) => riffChunks(bytes),
  'image/webp': (bytes) => riffChunks(bytes),
  'image/svg+xml': (bytes) => [...bytes.toString().matchAll(/<(svg|!--)/g)].map(([, name = '']) => name),
  'audio/mpeg': (bytes) => {
    const parts = [bytes.toString('latin1', 0, 3)]
    const size = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + bytes.readUInt8(at), 0)
    for (let offset = 10 + size; offset < bytes.length; offset += 417) {
      if (bytes.readUInt16BE(offset) !== 0xfffb) throw new Error('a frame starts with no sync word')
      parts[1] = 'frames'
    }
    return parts
  },
  'model/gltf-binary': (bytes) => {
    if (bytes.readUInt32LE(8) !== bytes.length) throw new Error('the length in the header is wrong')
    const json = bytes.toString('utf8', 20, 20 + bytes.readUInt32LE(12))
    return [bytes.toString('latin1', 0, 4), ...Object.keys(JSON.parse(json))]
  },
  'application/zip': (bytes) => {
    const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
    if (end + 22 + bytes.readUInt16LE(end + 20) !== bytes.length) throw new Error('the comment has a wrong length')
    const directory = bytes.readUInt32LE(end + 16)
    return [bytes.toString('latin1', directory, directory + 2), `${bytes.readUInt16LE(end + 10)} file`]
  },
}

function riffChunks(bytes: Buffer): string[] {
  const chunks: string[] = []
  if (bytes.readUInt32LE(4) !== bytes.length - 8) throw new Error('the size of the RIFF is wrong')
  for (let offset = 12; offset < bytes.length; ) {
    const size = bytes.readUInt32LE(offset + 4)
    chunks.push(bytes.toString('latin1', offset, offset + 4))
    offset += 8 + size + (size % 2)
  }
  return chunks
}

const PARTS: Readonly<Record<MediaType, string[]>> = {
  'video/mp4': ['ftyp', 'moov', 'free', 'mdat', 'free'],
  'image/png': ['IHDR', 'tEXt', 'IEND'],
  'image/jpeg': ['e0', 'fe', 'db'],
  'audio/wav': ['fmt ', 'data', 'LIST'],
  'image/webp': ['VP8 ', 'note'],
  'image/svg+xml': ['svg', '!--'],
  'audio/mpeg': ['ID3', 'frames'],
  'model/gltf-binary': ['glTF', 'asset', 'extras'],
  'application/zip': ['PK', '1 file'],
}

describe('a labelled file', () => {
  // Object.keys of a record over the media types gives media types.
  for (const type of Object.keys(PARSERS) as MediaType[]) {
    for (const minBytes of [0, 60_001]) {
      test(`of type ${type} with at least ${minBytes} bytes keeps to its format and carries its label`, () => {
        const labelled = labelledMedia(type, 'task-1/0', minBytes)
        expect(PARSERS[type](labelled)).toEqual(expect.arrayContaining(PARTS[type]))
        expect(labelled.includes('genqueue-simulator task-1/0')).toBe(true)
        expect(labelled.length).toBeGreaterThanOrEqual(Math.max(minBytes, sampleMedia(type).length))
      })
    }
  }

  test('is the same for the same label and another for another', () => {
    const digest = (label: string) => createHash('sha256').update(labelledMedia('video/mp4', label)).digest('hex')
    expect(digest('task-1/0')).toBe(digest('task-1/0'))
    expect(new Set(['task-1/0', 'task-1/1', 'task-2/0'].map(digest)).size).toBe(3)
  })

  test('that is padded beyond a single JPEG comment has several', () => {
    const labelled = labelledMedia('image/jpeg', 'task-1/0', 200_000)
    expect(PARSERS['image/jpeg'](labelled).filter((marker) => marker === 'fe').length).toBeGreaterThan(2)
  })
})
