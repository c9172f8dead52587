/** What the first bytes of a file prove it to be. */
export type Media = { readonly contentType: string; readonly extension: string }

/** So many bytes from the start are enough for every format that is known here. */
export const SNIFF_BYTES = 64

type Signature = Media & { readonly matches: (head: string) => boolean }

// `head` is the bytes as Latin-1, so that a signature reads like the format's own documentation.
const SIGNATURES: readonly Signature[] = [
  { contentType: 'image/jpeg', extension: 'jpg', matches: (head) => head.startsWith('\xff\xd8\xff') },
  { contentType: 'image/png', extension: 'png', matches: (head) => head.startsWith('\x89PNG\r\n\x1a\n') },
  { contentType: 'image/webp', extension: 'webp', matches: (head) => isRiff(head, 'WEBP') },
  { contentType: 'image/gif', extension: 'gif', matches: (head) => /^GIF8[79]a/.test(head) },
  { contentType: 'audio/mp4', extension: 'm4a', matches: (head) => isBaseMedia(head, /^M4[AB] $/) },
  {
    contentType: 'video/quicktime',
    extension: 'mov',
    matches: (head) => isBaseMedia(head, /^qt {2}$/) || isOldMovie(head),
  },
  { contentType: 'video/mp4', extension: 'mp4', matches: (head) => isBaseMedia(head, MP4_BRAND) },
  { contentType: 'video/webm', extension: 'webm', matches: (head) => isMatroska(head, 'webm') },
  { contentType: 'video/x-matroska', extension: 'mkv', matches: (head) => isMatroska(head, 'matroska') },
  { contentType: 'audio/ogg', extension: 'ogg', matches: (head) => head.startsWith('OggS\0') },
  { contentType: 'audio/wav', extension: 'wav', matches: (head) => isRiff(head, 'WAVE') },
  { contentType: 'audio/flac', extension: 'flac', matches: (head) => head.startsWith('fLaC') },
  { contentType: 'audio/mpeg', extension: 'mp3', matches: (head) => head.startsWith('ID3') || isMpegLayer3(head) },
  { contentType: 'audio/aac', extension: 'aac', matches: (head) => /^\xff[\xf0\xf1\xf8\xf9]/.test(head) },
]

/** Tells images, video and audio from their first bytes; undefined for anything else, SVG and HTML included. */
export function sniffMedia(firstBytes: Uint8Array): Media | undefined {
  const head = String.fromCharCode(...firstBytes.subarray(0, SNIFF_BYTES))
  const found = SIGNATURES.find(({ matches }) => matches(head))
  return found && { contentType: found.contentType, extension: found.extension }
}

function isRiff(head: string, form: string): boolean {
  return head.startsWith('RIFF') && head.startsWith(form, 8)
}

// Pictures and Canon's raw files share the container; their brands must not pass for video.
const MP4_BRAND = /^(?!hei|hev|avif|avis|mif|msf|crx|qt {2}|M4[AB] )[\x20-\x7e]{4}$/

/** ISO base media: the size of the first box, below 16 MiB, then `ftyp` and the main brand. */
function isBaseMedia(head: string, brand: RegExp): boolean {
  return head.startsWith('\0') && head.startsWith('ftyp', 4) && brand.test(head.slice(8, 12))
}

/** QuickTime from before `ftyp`. */
function isOldMovie(head: string): boolean {
  return head.startsWith('\0') && ['moov', 'mdat', 'wide'].includes(head.slice(4, 8))
}

/** EBML, whose header names the document type within its first bytes. */
function isMatroska(head: string, documentType: string): boolean {
  return head.startsWith('\x1a\x45\xdf\xa3') && head.includes(documentType)
}

/** A frame header of MPEG audio layer III with a possible version, bit rate and sampling rate. */
function isMpegLayer3(head: string): boolean {
  const [sync, kind, rates] = [head.charCodeAt(0), head.charCodeAt(1), head.charCodeAt(2)]
  if (sync !== 0xff || (kind & 0xe6) !== 0xe2 || (kind & 0x18) === 0x08) return false
  return (rates & 0xf0) !== 0xf0 && (rates & 0x0c) !== 0x0c
}
