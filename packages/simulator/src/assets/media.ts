import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'

export const MediaType = z.enum(['video/mp4', 'image/png', 'image/jpeg', 'audio/wav', 'application/zip'])
export type MediaType = z.infer<typeof MediaType>

export const EXTENSIONS: Readonly<Record<MediaType, string>> = {
  'video/mp4': 'mp4',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'audio/wav': 'wav',
  'application/zip': 'zip',
}

const load = (type: MediaType): Buffer =>
  readFileSync(join(import.meta.dirname, '../../media', `output.${EXTENSIONS[type]}`))

const ORIGINALS: Readonly<Record<MediaType, Buffer>> = {
  'video/mp4': load('video/mp4'),
  'image/png': load('image/png'),
  'image/jpeg': load('image/jpeg'),
  'audio/wav': load('audio/wav'),
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
  'audio/wav': labelWav,
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
  const even = remark.length % 2 === 0 ? remark : Buffer.concat([remark, Buffer.alloc(1)])
  const list = Buffer.concat([Buffer.from('LIST\0\0\0\0INFOICMT\0\0\0\0'), even])
  list.writeUInt32LE(list.length - 8, 4)
  list.writeUInt32LE(remark.length, 16)
  const labelled = Buffer.concat([original, list])
  labelled.writeUInt32LE(labelled.length - 8, 4)
  return labelled
}

/** The archive comment: the last field of the end record, whose length stands in the two bytes before it. */
function labelZip(original: Buffer, remark: Buffer): Buffer {
  const comment = remark.subarray(0, 0xffff)
  const labelled = Buffer.concat([original, comment])
  labelled.writeUInt16LE(comment.length, original.length - 2)
  return labelled
}
