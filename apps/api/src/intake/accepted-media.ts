import { type Media, ProblemError, sniffMedia } from '@genqueue/contract'

// One container holds either, and the declared type follows the file's name more often than its content.
const TIMED = new Set(['video', 'audio'])

/** What an input's first bytes prove it to be; refuses what no vendor takes and what contradicts its declared type. */
export function acceptedMedia(firstBytes: Uint8Array, declaredType: string | undefined, param: string): Media {
  const refuse = (why: string) => new ProblemError('invalid_input_reference', `The file in ${param} ${why}.`, { param })
  if (firstBytes.byteLength === 0) throw refuse('is empty')
  const media = sniffMedia(firstBytes)
  if (media === undefined) {
    throw refuse('is of no known format; send JPEG, PNG, WebP, MP4, MOV, WebM, MKV, Ogg, WAV, MP3, FLAC or AAC')
  }
  if (media.contentType === 'image/gif') throw refuse('is a GIF, which is not taken; send JPEG, PNG or WebP')
  const declared = declaredType?.split('/', 1)[0] ?? ''
  const found = media.contentType.split('/', 1)[0] ?? ''
  const agrees = declared === found || (TIMED.has(declared) && TIMED.has(found))
  if (!agrees && (declared === 'image' || TIMED.has(declared))) {
    throw refuse(`is declared as ${declaredType} but holds ${media.contentType}`)
  }
  return media
}
