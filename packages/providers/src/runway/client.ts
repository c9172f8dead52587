import type { Dispatcher } from 'undici'
import { attemptHttp, type HttpResult, type OnRequest, type UpstreamOp } from '../http-attempt.ts'
import type { Call } from '../provider.ts'

const API_VERSION = '2024-11-06'
const MAX_RESPONSE_BYTES = 1024 * 1024

type RunwayRequest = {
  op: UpstreamOp
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  timeoutMs: number
}

export type RunwayClient = (request: RunwayRequest, call: Call) => Promise<HttpResult>

/** One authenticated JSON request per call, never a second. */
export function createRunwayClient(options: {
  baseUrl: string
  dispatcher: Dispatcher
  onRequest?: OnRequest
}): RunwayClient {
  const { baseUrl, dispatcher, onRequest } = options
  // People paste the base URL with and without the version of the path.
  const base = baseUrl.replace(/(\/v1)?\/*$/, '')
  return ({ op, method, path, body, timeoutMs }, { key, signal }) =>
    attemptHttp({
      dispatcher,
      method,
      url: new URL(base + path),
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${key.reveal()}`,
        'user-agent': 'genqueue',
        'x-runway-version': API_VERSION,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
      timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      op,
      onRequest,
      secret: key,
    })
}
