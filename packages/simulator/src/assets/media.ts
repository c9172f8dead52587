import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'

export const MediaType = z.enum([
  'video/mp4',
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/svg+xml',
  'audio/wav',
  'audio/mpeg',
  'model/gltf-binary',
  'application/zip',
])
export type MediaType = z.infer<typeof MediaType>

export const EXTENSIONS: Readonly<Record<MediaType, string>> = {
  'video/mp4': 'mp4',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/svg+xml': 'svg',
  'audio/wav': 'wav',
  'audio/mpeg': 'mp3',
  'model/gltf-binary': 'glb',
  'application/zip': 'zip',
}

const load = (type: MediaType): Buffer =>
  readFileSync(join(import.meta.dirname, '../../media', `output.${EXTENSIONS[type]}`))

const ORIGINALS: Readonly<Record<MediaType, Buffer>> = {
  'video/mp4': load('video/mp4'),
  'image/png': load('image/png'),
  'image/jpeg': load('image/jpeg'),
  'image/webp': load('image/webp'),
  'image/svg+xml': load('image/svg+xml'),
  'audio/wav': load('audio/wav'),
  'audio/mpeg': load('audio/mpeg'),
  'model/gltf-binary': load('model/gltf-binary'),
  'application/zip': load('application/zip'),
}

/** The file as it lies in the repository. */
export function sampleMedia(type: MediaType): Buffer {
  return ORIGINALS[type]
}

/**
 * A playable file that carries the label in a place its format keeps for remarks, so that no two labels give the same
 * bytes. It is padded there to `minBytes` (a ZIP by 64 KB at most, the longest comment it can hold).
 */
export function labelledMedia(type: MediaType, label: string, minBytes = 0): Buffer {
  const original = ORIGINALS[type]
  const text = Buffer.from(`genqueue-simulator ${label}`)
  const missing = Math.max(0, minBytes - original.length - text.length)
  return LABELLERS[type](original, missing > 0 ? Buffer.concat([text, Buffer.alloc(missing, ' ')]) : text)
}

const LABELLERS: Readonly<Record<MediaType, (original: Buffer, remark: Buffer) => Buffer>> = {
  'video/mp4': labelMp4,
  'image/png': labelPng,
  'image/jpeg': labelJpeg,
  'image/webp': labelWebp,
  'image/svg+xml': labelSvg,
  'audio/wav': labelWav,
  'audio/mpeg': labelMp3,
  'model/gltf-binary': labelGlb,
  'application/zip': labelZip,
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A `free` box at the end, which players skip. */
function labelMp4(original: Buffer, remark: Buffer): Buffer {
  return Buffer.concat([original, uint32(8 + remark.length), Buffer.from('free'), remark])
}

/** A tEXt chunk before IEND, the last 12 bytes. */
function labelPng(original: Buffer, remark: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('tEXtComment\0'), remark])
  const end = original.length - 12
  return Buffer.concat([
    original.subarray(0, end),
    uint32(body.length - 4),
    body,
    uint32(crc32(body)),
    original.subarray(end),
  ])
}

const MAX_JPEG_COMMENT_BYTES = 65_533

/** COM segments right after the start-of-image marker and the JFIF header. */
function labelJpeg(original: Buffer, remark: Buffer): Buffer {
  const headerEnd = 4 + original.readUInt16BE(4)
  const segments: Buffer[] = []
  for (let offset = 0; offset < remark.length; offset += MAX_JPEG_COMMENT_BYTES) {
    const piece = remark.subarray(offset, offset + MAX_JPEG_COMMENT_BYTES)
    const head = Buffer.from([0xff, 0xfe, 0, 0])
    head.writeUInt16BE(piece.length + 2, 2)
    segments.push(head, piece)
  }
  return Buffer.concat([original.subarray(0, headerEnd), ...segments, original.subarray(headerEnd)])
}

/** A LIST/INFO chunk with a comment, counted in the size of the RIFF. */
function labelWav(original: Buffer, remark: Buffer): Buffer {
  const list = Buffer.concat([Buffer.from('INFO'), riffChunk('ICMT', remark)])
  return appendToRiff(original, riffChunk('LIST', list))
}

/** A chunk that no reader knows, which the format tells readers to skip. */
function labelWebp(original: Buffer, remark: Buffer): Buffer {
  return appendToRiff(original, riffChunk('note', remark))
}

function riffChunk(name: string, body: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(body.length)
  return Buffer.concat([Buffer.from(name), size, body, Buffer.alloc(body.length % 2)])
}

function appendToRiff(original: Buffer, chunk: Buffer): Buffer {
  const labelled = Buffer.concat([original, chunk])
  labelled.writeUInt32LE(labelled.length - 8, 4)
  return labelled
}

/** A comment behind the root element. */
function labelSvg(original: Buffer, remark: Buffer): Buffer {
  return Buffer.concat([original, Buffer.from('<!-- '), remark, Buffer.from(' -->\n')])
}

/** An ID3v2 tag in front, with the remark as the whole text of its title. */
function labelMp3(original: Buffer, remark: Buffer): Buffer {
  const text = Buffer.concat([Buffer.from([0]), remark])
  const frame = Buffer.concat([Buffer.from('TIT2'), uint32(text.length), Buffer.alloc(2), text])
  const size = [21, 14, 7, 0].map((shift) => (frame.length >> shift) & 0x7f)
  return Buffer.concat([Buffer.from('ID3\x03\0\0'), Buffer.from(size), frame, original])
}

/** The `extras` of the scene, in the JSON chunk that is all of the file. */
function labelGlb(original: Buffer, remark: Buffer): Buffer {
  const scene = original.toString('utf8', 20, 20 + original.readUInt32LE(12)).trimEnd()
  const json = Buffer.from(`${scene.slice(0, -1)},"extras":${JSON.stringify(remark.toString())}}`)
  const padded = Buffer.concat([json, Buffer.alloc((4 - (json.length % 4)) % 4, ' ')])
  const labelled = Buffer.concat([original.subarray(0, 20), padded])
  labelled.writeUInt32LE(labelled.length, 8)
  labelled.writeUInt32LE(padded.length, 12)
  return labelled
}

/** The archive comment: the last field of the end record, whose length stands in the two bytes before it. */
function labelZip(original: Buffer, remark: Buffer): Buffer {
  const comment = remark.subarray(0, 0xffff)
  const labelled = Buffer.concat([original, comment])
  labelled.writeUInt16LE(comment.length, original.length - 2)
  return labelled
}
