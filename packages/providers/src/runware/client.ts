import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { attemptHttp, type HttpResult, type OnRequest, type UpstreamOp } from '../http-attempt.ts'
import type { Call } from '../provider.ts'

/** Twenty tasks of twenty results each stay far below; pictures that come inline against our wish do not. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024

type RunwareRequest = {
  op: UpstreamOp
  /** The whole array as JSON; a stream comes with its length. */
  body: string | { stream: Readable; bytes: number }
  timeoutMs: number
}

export type RunwareClient = (request: RunwareRequest, call: Call) => Promise<HttpResult>

/** One authenticated array of tasks per call, never sent a second time: everything goes to the one address. */
export function createRunwareClient(options: {
  baseUrl: string
  dispatcher: Dispatcher
  onRequest?: OnRequest
}): RunwareClient {
  const { baseUrl, dispatcher, onRequest } = options
  // People paste the base URL with and without the version of the path.
  const url = new URL(`${baseUrl.replace(/(\/v1)?\/*$/, '')}/v1`)
  return ({ op, body, timeoutMs }, { key, signal }) =>
    attemptHttp({
      dispatcher,
      method: 'POST',
      url,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${key.reveal()}`,
        'user-agent': 'genqueue',
        'content-type': 'application/json',
        ...(typeof body !== 'string' && { 'content-length': String(body.bytes) }),
      },
      body: typeof body === 'string' ? body : body.stream,
      signal,
      timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      op,
      onRequest,
      secret: key,
    })
}
