import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Agent } from 'undici'
import { EgressError } from './egress-error.ts'
import { checkUrl, type EgressPolicy } from './egress-policy.ts'
import { locationOf, redirectTarget, withoutCredentials } from './redirect.ts'
import { sendRequest } from './send-request.ts'

export type GuardedRequestOptions = {
  agent: Agent
  policy: EgressPolicy
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string | URL
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array | Readable
  signal?: AbortSignal
  /** For everything: waiting for a socket, connecting, every redirect, headers and body. */
  totalTimeoutMs: number
  headersTimeoutMs: number
  /** Of a GET or HEAD, to the same host, never from https to http. Default 0: a 3xx is returned as it is. */
  maxRedirects?: number
}

export type GuardedResponse = {
  statusCode: number
  headers: IncomingHttpHeaders
  /** Must be read or destroyed. Fails with `timeout` at the total deadline. */
  body: Readable
  url: URL
  /** Whether the end of the body is marked. Where it is not, a connection cut short looks like success. */
  isFramed: boolean
}

const FORBIDDEN_HEADER =
  /^(host|content-length|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|accept-encoding|proxy-.*)$/i

/** Headers that would redirect, split or upgrade the request and that no caller may set. */
export function isForbiddenHeader(name: string): boolean {
  return FORBIDDEN_HEADER.test(name)
}

/** One request with a total deadline over headers and body, no retry, identity encoding and classified errors. */
export async function guardedRequest(options: GuardedRequestOptions): Promise<GuardedResponse> {
  const { policy, method, headers = {}, maxRedirects = 0, signal } = options
  assertSendable(method, headers, maxRedirects)
  const url = checkUrl(options.url, policy)
  signal?.throwIfAborted()
  const deadline = startDeadline(options.totalTimeoutMs, signal)
  try {
    const response = await followRedirects(options, url, deadline.signal)
    response.body.once('close', deadline.release)
    // Readers are told of an error through what they read with. A body that is only destroyed must not end the process.
    response.body.on('error', () => {})
    return response
  } catch (error) {
    deadline.release()
    throw error
  }
}

function assertSendable(method: string, headers: Readonly<Record<string, string>>, maxRedirects: number): void {
  const forbidden = Object.keys(headers).find(isForbiddenHeader)
  if (forbidden !== undefined) throw new TypeError(`The header '${forbidden}' may not be set`)
  // undici refuses line breaks, but sends Latin-1, which every receiver reads in its own way.
  const unclear = Object.entries(headers).find(([, value]) => !/^[\t\x20-\x7e]*$/.test(value))
  if (unclear !== undefined) throw new TypeError(`The header '${unclear[0]}' holds more than visible ASCII`)
  if (maxRedirects > 0 && method !== 'GET' && method !== 'HEAD') throw new TypeError(`A ${method} follows no redirects`)
}

async function followRedirects(
  options: GuardedRequestOptions,
  start: URL,
  signal: AbortSignal,
): Promise<GuardedResponse> {
  const { agent, policy, method, maxRedirects = 0 } = options
  let url = start
  let headers = options.headers ?? {}
  for (let redirects = 0; ; redirects += 1) {
    const answer = await sendRequest(agent, {
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { ...headers, 'accept-encoding': 'identity' },
      body: options.body ?? null,
      headersTimeout: options.headersTimeoutMs,
      signal,
    })
    const location = maxRedirects > 0 ? locationOf(answer.statusCode, answer.headers) : undefined
    if (location === undefined) {
      const isFramed = 'content-length' in answer.headers || 'transfer-encoding' in answer.headers
      return { statusCode: answer.statusCode, headers: answer.headers, body: answer.body, url, isFramed }
    }
    answer.body.on('error', () => {}).destroy()
    if (redirects === maxRedirects) {
      throw new EgressError('redirect', 'The host redirects too often', { written: true })
    }
    const next = redirectTarget(location, url, policy)
    if (next.origin !== url.origin) headers = withoutCredentials(headers)
    url = next
  }
}

/** Aborts after the time or with the caller's signal, whichever is first, until released. */
function startDeadline(timeoutMs: number, signal: AbortSignal | undefined) {
  const controller = new AbortController()
  const onTimeout = () => controller.abort(new EgressError('timeout', 'The call took too long'))
  const onAbort = () => controller.abort(signal?.reason)
  const timer = setTimeout(onTimeout, timeoutMs)
  signal?.addEventListener('abort', onAbort, { once: true })
  const release = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
  return { signal: controller.signal, release }
}
