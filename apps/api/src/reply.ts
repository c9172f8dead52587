import type { ReadableStream } from 'node:stream/web'

/** What a handler answers; `endpoint.ts` adds the headers that every answer carries. */
export type Reply = {
  status: number
  headers?: Readonly<Record<string, string>>
  body?: string | ReadableStream<Uint8Array>
}

const JSON_HEADERS = { 'content-type': 'application/json' }

export function json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return { status, body: JSON.stringify(value), headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS }
}

/** On every answer: nothing of this API is to be rendered, framed, sniffed or kept by a cache. */
const BASE_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}

// Plain headers and a string body: the server writes such an answer without building Headers or a stream.
export function toResponse({ status, body, headers }: Reply, requestId: string): Response {
  return new Response(body ?? null, {
    status,
    headers: { ...BASE_HEADERS, 'x-request-id': requestId, ...headers },
  })
}
