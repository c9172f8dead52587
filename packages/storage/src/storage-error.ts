const RETRYABLE = {
  aborted: false,
  denied: false,
  empty: false,
  invalid_key: false,
  invalid_range: false,
  invalid_url: false,
  not_found: false,
  source_failed: true,
  too_large: false,
  unavailable: true,
} as const

export type StorageErrorCode = keyof typeof RETRYABLE

/** Everything that can go wrong with storage. With `source_failed`, `cause` is what the source threw. */
export class StorageError extends Error {
  readonly code: StorageErrorCode
  /** Whether the same call may work later; for `source_failed` the cause knows better. */
  readonly retryable: boolean

  constructor(code: StorageErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'StorageError'
    this.code = code
    this.retryable = RETRYABLE[code]
  }
}

/** The caller's own abort, as ours. */
export function abortedError(signal: AbortSignal): StorageError {
  return new StorageError('aborted', 'The caller aborted', { cause: signal.reason })
}
