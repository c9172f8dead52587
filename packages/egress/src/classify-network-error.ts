import { EgressError, type EgressErrorCode, type Written } from './egress-error.ts'

export type NetworkErrorClass = { code: EgressErrorCode | 'aborted' | 'unknown'; written: Written }

const CLASSES: Readonly<Record<string, NetworkErrorClass>> = {
  ENOTFOUND: { code: 'dns', written: false },
  EAI_AGAIN: { code: 'dns', written: false },
  ECONNREFUSED: { code: 'connect', written: false },
  EHOSTUNREACH: { code: 'connect', written: false },
  ENETUNREACH: { code: 'connect', written: false },
  EADDRNOTAVAIL: { code: 'connect', written: false },
  UND_ERR_CONNECT_TIMEOUT: { code: 'timeout', written: false },
  UND_ERR_HEADERS_TIMEOUT: { code: 'timeout', written: 'unknown' },
  UND_ERR_BODY_TIMEOUT: { code: 'timeout', written: true },
  ETIMEDOUT: { code: 'timeout', written: 'unknown' },
  ECONNRESET: { code: 'reset', written: 'unknown' },
  EPIPE: { code: 'reset', written: 'unknown' },
  UND_ERR_SOCKET: { code: 'reset', written: 'unknown' },
  UND_ERR_DESTROYED: { code: 'reset', written: 'unknown' },
  UND_ERR_HEADERS_OVERFLOW: { code: 'too_large', written: true },
  UND_ERR_RES_EXCEEDED_MAX_SIZE: { code: 'too_large', written: true },
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: { code: 'protocol', written: true },
  UND_ERR_ABORTED: { code: 'aborted', written: 'unknown' },
}

const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

/** What went wrong, from codes alone, and whether the other side may already have seen the request. */
export function classifyNetworkError(error: unknown): NetworkErrorClass {
  if (error instanceof EgressError) return { code: error.code, written: error.written }
  if (!(error instanceof Error)) return { code: 'unknown', written: 'unknown' }
  if (error.name === 'TimeoutError') return { code: 'timeout', written: 'unknown' }
  if (error.name === 'AbortError') return { code: 'aborted', written: 'unknown' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = CLASSES[code]
  if (known !== undefined) return known
  if (TLS_CODE.test(code)) return { code: 'tls', written: false }
  // undici's parser errors carry a code only sometimes.
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) return { code: 'protocol', written: true }
  return error.cause === undefined ? { code: 'unknown', written: 'unknown' } : classifyNetworkError(error.cause)
}
