import { StorageError } from './storage-error.ts'

// S3 allows 1024 bytes, file systems 255 a name: below both, with room for a prefix and the name of a temporary file.
const MAX_KEY_BYTES = 900
const MAX_SEGMENT_BYTES = 200

/**
 * The one rule for keys, narrow enough for a bucket and for a folder: segments joined by slashes, none empty, none
 * beginning with a dot (so no `..`, and hidden files stay ours), no control characters, no backslash.
 */
export function checkKey(key: string): void {
  const fault = faultOf(key)
  if (fault !== undefined)
    throw new StorageError('invalid_key', `The key ${fault}: ${JSON.stringify(key.slice(0, 100))}`)
}

/** A prefix is the beginning of a key, cut anywhere. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') return
  checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'is empty'
  if (!key.isWellFormed()) return 'is not well-formed Unicode'
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (/[\u0000-\u001f\u007f\\]/.test(key)) return 'holds a control character or a backslash'
  const segments = key.split('/')
  if (segments.includes('')) return 'has an empty segment'
  if (segments.some((segment) => segment.startsWith('.'))) return 'has a segment that begins with a dot'
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) {
    return `has a segment longer than ${MAX_SEGMENT_BYTES} bytes`
  }
  return undefined
}
