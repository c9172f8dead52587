import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Secret } from '@genqueue/contract'
import type { Dispatcher } from 'undici'

/** What a request was about. */
export type UpstreamOp = 'submit' | 'poll' | 'cancel' | 'upload' | 'limits'

/** How a request ended. `code` is the status, or says that nothing left or that no answer came. */
type RequestEnd = { code: number | 'unsent' | 'unanswered'; durationMs: number }
/** Told of a request as it begins, in the context of whoever makes it; what it answers with is told of the end. */
export type OnRequest = (request: { op: UpstreamOp; method: string; host: string }) => (end: RequestEnd) => void

export type HttpAttempt = {
  dispatcher: Dispatcher
  method: 'GET' | 'POST' | 'DELETE'
  url: URL
  headers: Readonly<Record<string, string>>
  body?: string | Readable
  signal: AbortSignal
  /** For everything: waiting for a socket, connecting, sending, headers and body. */
  timeoutMs: number
  maxResponseBytes: number
  op: UpstreamOp
  /** Told once of every request, however it ends. */
  onRequest?: OnRequest | undefined
  /** What the request authenticates with: should the answer repeat it, it is not passed on. */
  secret?: Secret
}

/** `sent: false` is a proof that not one byte of the request left; `sent: true` only means that some may have. */
export type HttpResult =
  | { kind: 'answered'; status: number; headers: IncomingHttpHeaders; text: string }
  | { kind: 'failed'; sent: boolean; detail: string }

/**
 * Exactly one request on the wire: no retry, no redirect. Never rejects. It drives the dispatcher directly because
 * only the handler's `onRequestStart` tells "still connecting" from "handed to a socket"; error codes alone do not
 * (a reset during the TLS handshake and one after the request look the same).
 */
export function attemptHttp(options: HttpAttempt): Promise<HttpResult> {
  const { dispatcher, method, url, headers, body, signal, timeoutMs, maxResponseBytes, secret, op, onRequest } = options
  const startedMs = performance.now()
  const onEnd = onRequest?.({ op, method, host: url.hostname })
  const { promise, resolve } = Promise.withResolvers<HttpResult>()
  const chunks: Buffer[] = []
  let received = 0
  let status = 0
  let responseHeaders: IncomingHttpHeaders = {}
  let controller: Dispatcher.DispatchController | undefined
  let settled = false

  const settle = (result: HttpResult) => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    const code = result.kind === 'answered' ? result.status : result.sent ? 'unanswered' : 'unsent'
    onEnd?.({ code, durationMs: performance.now() - startedMs })
    resolve(result)
  }
  const stop = (detail: string) => {
    settle({ kind: 'failed', sent: controller !== undefined, detail })
    controller?.abort(new Error(detail))
  }
  const onAbort = () => stop('aborted')
  const timer = setTimeout(() => stop(`no answer within ${timeoutMs} ms`), timeoutMs)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) {
    onAbort()
    return promise
  }

  dispatcher.dispatch(
    {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { 'accept-encoding': 'identity', ...headers },
      body: body ?? null,
      // One clock counts: the timer above.
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    {
      onRequestStart: (started) => {
        // Given up while connecting: aborting here keeps the request off the socket.
        if (settled) started.abort(new Error('given up'))
        else controller = started
      },
      onResponseStart: (_controller, statusCode, answered) => {
        status = statusCode
        responseHeaders = answered
      },
      onResponseData: (_controller, chunk) => {
        received += chunk.length
        if (received > maxResponseBytes) stop(`the answer is larger than ${maxResponseBytes} bytes`)
        else chunks.push(chunk)
      },
      onResponseEnd: () => {
        settle({ kind: 'answered', status, headers: responseHeaders, text: without(secret, Buffer.concat(chunks)) })
      },
      onResponseError: (_controller, error) =>
        settle({ kind: 'failed', sent: controller !== undefined, detail: networkDetail(error) }),
    },
  )
  return promise
}

function without(secret: Secret | undefined, answer: Buffer): string {
  const text = answer.toString()
  const value = secret?.reveal() ?? ''
  // What is shorter than any key would be found in innocent places.
  return value.length < 8 ? text : text.replaceAll(value, '[key]')
}

/** The code, not the message: messages name addresses. */
function networkDetail(error: Error): string {
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  return 'code' in first && typeof first.code === 'string' ? first.code : first.name
}
