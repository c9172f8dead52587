import { StorageError, type StorageErrorCode } from './storage-error.ts'

const CODES: Readonly<Record<string, StorageErrorCode>> = {
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  // A key that runs through another object, or names a folder of other objects.
  ENOTDIR: 'invalid_key',
  EISDIR: 'invalid_key',
  ELOOP: 'invalid_key',
  ENAMETOOLONG: 'invalid_key',
}

/** What the file system threw, in our words. */
export function fileFailure(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const code = errnoOf(cause)
  return new StorageError(CODES[code] ?? 'unavailable', `The file system refused: ${code}`, { cause })
}

export function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT'
}

export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
