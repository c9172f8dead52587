import type { Dialect } from './catalogue.ts'

const SEED004_CODES: Readonly<Record<number, string>> = {
  400: 'VALIDATION_ERROR',
  401: 'UNAUTHORIZED',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMITED',
}

/** An error as the dialect writes it; bodies that are no error objects stay as they are. */
export function errorBody(dialect: Dialect, status: number, body: unknown): unknown {
  if (dialect === 'real' || status < 400 || typeof body !== 'object' || body === null || !('error' in body)) return body
  return { error: body.error, code: SEED004_CODES[status] ?? 'INTERNAL_ERROR' }
}
