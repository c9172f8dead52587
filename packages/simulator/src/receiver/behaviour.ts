import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** How the receiver treats a caller. */
export type Behaviour =
  /** Reads the body and answers; `delayMs` waits first. Redirects and Retry-After are headers. */
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string | Uint8Array; delayMs?: number }
  /** Reads the body and never answers. */
  | { kind: 'hang' }
  /** Answers 200 one byte of header at a time, without end. */
  | { kind: 'drip_headers'; intervalMs: number }
  /** Answers 200 and sends one byte of body at a time, without end. */
  | { kind: 'drip_body'; intervalMs: number; status?: number }
  /** Answers 200 with so many bytes. */
  | { kind: 'huge_body'; bytes: number; status?: number }
  /** Answers 200 with one chunk and never ends the body. */
  | { kind: 'never_closing'; status?: number }
  /** Resets the connection as soon as the headers are there, or after the body, or after a 200 and half a body. */
  | { kind: 'reset_before_reading' | 'reset_after_reading' | 'reset_after_status' }

const BLOCK = Buffer.alloc(64 * 1024, 0x2e)

/** Carries a behaviour out once the request's body was read; returns when it is over or the caller has gone. */
export async function carryOut(
  behaviour: Behaviour,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (behaviour.kind) {
    case 'answer':
      if (behaviour.delayMs !== undefined) await sleep(behaviour.delayMs, undefined, { signal: goneSignal(response) })
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
      return
    case 'hang':
      return
    case 'drip_headers':
      request.socket.write('HTTP/1.1 200 OK\r\nx-drip: ')
      return drip((byte) => request.socket.write(byte), behaviour.intervalMs, goneSignal(response))
    case 'drip_body':
      response.writeHead(behaviour.status ?? 200).flushHeaders()
      return drip((byte) => response.write(byte), behaviour.intervalMs, goneSignal(response))
    case 'huge_body':
      response.writeHead(behaviour.status ?? 200, { 'content-length': behaviour.bytes })
      return pour(behaviour.bytes, response)
    case 'never_closing':
      response.writeHead(behaviour.status ?? 200).write('still here')
      return
    case 'reset_after_status':
      response.writeHead(200, { 'content-length': 100 })
      // Only a chunk that has left the process can be followed by a reset that the caller sees after it.
      response.write('half', () => setImmediate(() => request.socket.resetAndDestroy()))
      return
    case 'reset_before_reading':
    case 'reset_after_reading':
      request.socket.resetAndDestroy()
  }
}

async function drip(write: (byte: string) => void, intervalMs: number, gone: AbortSignal): Promise<void> {
  for (;;) {
    write('.')
    await sleep(intervalMs, undefined, { signal: gone })
  }
}

async function pour(bytes: number, response: ServerResponse): Promise<void> {
  const gone = goneSignal(response)
  for (let left = bytes; left > 0 && !gone.aborted; left -= BLOCK.length) {
    const block = BLOCK.subarray(0, left)
    await new Promise((written) => response.write(block, written))
  }
  response.end()
}

function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  if (response.destroyed) gone.abort()
  response.once('close', () => gone.abort())
  return gone.signal
}
