import { S3ServiceException } from '@aws-sdk/client-s3'
import { abortedError, StorageError } from './storage-error.ts'

/** What the SDK threw, in our words; the names are those of S3's error codes and the SDK's own. */
export function s3Failure(cause: unknown, signal?: AbortSignal): StorageError {
  if (cause instanceof StorageError) return cause
  if (signal?.aborted) return abortedError(signal)
  const name = cause instanceof Error ? cause.name : 'Unknown'
  const status = cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined
  if (name === 'NoSuchBucket') return new StorageError('not_found', 'The bucket does not exist', { cause })
  if (name === 'InvalidRange') return new StorageError('invalid_range', 'The range begins behind the end', { cause })
  // Wrong clocks heal; the SDK corrects its own before it gives up.
  const refused = (status === 401 || status === 403) && name !== 'RequestTimeTooSkewed'
  if (refused || name === 'CredentialsProviderError' || name === 'PermanentRedirect') {
    return new StorageError('denied', `The bucket refused the request: ${name}`, { cause })
  }
  return new StorageError('unavailable', `The bucket did not answer well: ${name}`, { cause })
}

/** Whether there is no such object; HEAD and some services say so by the status alone. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof S3ServiceException) || error.name === 'NoSuchBucket') return false
  return error.$metadata.httpStatusCode === 404
}
