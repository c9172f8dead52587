export type EgressErrorCode =
  | 'blocked'
  | 'invalid_url'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'too_large'
  | 'redirect'
  /** The connection broke after it had been made. */
  | 'reset'
  /** What came back is not the HTTP it claims to be. */
  | 'protocol'

/** Whether bytes of the request may have reached the other side: `false` is certain, `true` means it answered. */
export type Written = boolean | 'unknown'

/** Why a call out did not happen or did not finish. The message may be shown to a caller: it never names an address. */
export class EgressError extends Error {
  override readonly name = 'EgressError'
  readonly code: EgressErrorCode
  readonly written: Written

  constructor(code: EgressErrorCode, message: string, options: { cause?: unknown; written?: Written } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.written = options.written ?? false
  }
}
