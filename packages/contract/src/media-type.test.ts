import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sniffMedia } from './media-type.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')

test.each([
  ['JPEG', '\xff\xd8\xff\xe0\0\x10JFIF', 'image/jpeg', 'jpg'],
  ['PNG', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/png', 'png'],
  ['WebP', 'RIFF\x24\0\0\0WEBPVP8 ', 'image/webp', 'webp'],
  ['GIF', 'GIF89a\x01\0', 'image/gif', 'gif'],
  ['MP4', '\0\0\0\x20ftypisom\0\0\x02\0isomiso2', 'video/mp4', 'mp4'],
  ['MP4 of another brand', '\0\0\0\x1cftypmp42\0\0\0\0', 'video/mp4', 'mp4'],
  ['M4A', '\0\0\0\x1cftypM4A \0\0\0\0', 'audio/mp4', 'm4a'],
  ['MOV', '\0\0\0\x14ftypqt  \0\0\x02\0', 'video/quicktime', 'mov'],
  ['MOV of old', '\0\0\x04\xd2moov\0\0\0\x6cmvhd', 'video/quicktime', 'mov'],
  ['WebM', '\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm', 'video/webm', 'webm'],
  ['Matroska', '\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska', 'video/x-matroska', 'mkv'],
  ['Ogg', 'OggS\0\x02', 'audio/ogg', 'ogg'],
  ['WAV', 'RIFF\x24\0\0\0WAVEfmt ', 'audio/wav', 'wav'],
  ['FLAC', 'fLaC\0\0\0\x22', 'audio/flac', 'flac'],
  ['MP3 with a tag', 'ID3\x04\0\0', 'audio/mpeg', 'mp3'],
  ['MP3 without one', '\xff\xfb\x90\x64', 'audio/mpeg', 'mp3'],
  ['AAC', '\xff\xf1\x50\x80', 'audio/aac', 'aac'],
])('%s is known by its first bytes', (_, head, contentType, extension) => {
  expect(sniffMedia(bytes(head))).toEqual({ contentType, extension })
})

test.each([
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg">'],
  ['HTML', '<!doctype html><script>'],
  ['ZIP', 'PK\x03\x04'],
  ['PDF', '%PDF-1.7'],
  ['AVIF', '\0\0\0\x1cftypavif\0\0\0\0'],
  ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0'],
  ['AVI', 'RIFF\x24\0\0\0AVI LIST'],
  ['UTF-16 text', '\xff\xfe<\0h\0'],
  ['nothing', ''],
])('%s is not taken for media', (_, head) => {
  expect(sniffMedia(bytes(head))).toBeUndefined()
})

test('text is never taken for media, except what begins like a GIF, an MP3 tag or FLAC', () => {
  const text = fc.string({ unit: 'grapheme-ascii' }).filter((it) => !/^(?:GIF8|ID3|fLaC|RIFF)/.test(it))
  fc.assert(fc.property(text, (it) => void expect(sniffMedia(bytes(it))).toBeUndefined()))
})
