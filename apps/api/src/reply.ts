import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ReadableStream } from 'node:stream/web'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { isHandedOver } from './hand-over.ts'

/** What a handler answers; `endpoint.ts` adds the headers that every answer carries. */
export type Reply = {
  status: number
  headers?: Readonly<Record<string, string>>
  /** A function writes the body itself, for as long as it likes, to a socket that the head was written to, and ends it. */
  body?: string | ReadableStream<Uint8Array> | ((socket: Socket) => void)
}

const JSON_HEADERS = { 'content-type': 'application/json' }

export function json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return { status, body: JSON.stringify(value), headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS }
}

// Plain headers and a string body: the server writes such an answer without building Headers or a stream.
export function toResponse(
  { status, body, headers }: Reply,
  requestId: string,
  base: Readonly<Record<string, string>>,
  outgoing?: ServerResponse,
): Response {
  const head = { ...base, 'x-request-id': requestId, ...headers }
  if (typeof body !== 'function') return new Response(body ?? null, { status, headers: head })
  if (!isHandedOver(outgoing)) throw new Error('This answer needs a socket that was handed over')
  // The body ends where the connection does.
  outgoing.useChunkedEncodingByDefault = false
  outgoing.writeHead(status, head)
  outgoing.flushHeaders()
  const { socket } = outgoing
  if (socket !== null) {
    // Nothing but the socket is to stay in memory for as long as the body lasts.
    outgoing.detachSocket(socket)
    body(socket)
  }
  // node-server writes its own kind of Response at once, unless somebody has asked for its body.
  void RESPONSE_ALREADY_SENT.body
  return RESPONSE_ALREADY_SENT
}
