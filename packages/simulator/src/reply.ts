import { z } from 'zod'
import type { Exchange } from './exchange.ts'

/**
 * An answer given in place of the regular one. Whatever is left out stays as it would have been, so `{ fate: 'cut' }`
 * alone is the regular answer broken off in the middle.
 */
export const Reply = z.object({
  http: z.int().min(100).max(599).optional(),
  /** A retry-after of `date+90` is sent as the HTTP date 90 seconds of clock time ahead. */
  headers: z.record(z.string(), z.string()).optional(),
  /** A string is sent as it is, anything else as JSON. */
  body: z.unknown().optional(),
  contentType: z.string().optional(),
  /** Clock time before the first byte. */
  delayMs: z.number().min(0).optional(),
  bytesPerSecond: z.number().positive().optional(),
  /** `truncate`: half of the body with a matching length; `cut`: the full length is promised, half is sent. */
  fate: z.enum(['drop', 'reset', 'hang', 'truncate', 'cut', 'trickle']).optional(),
  /** Where a redirect leads: a name resolved by the host that answers, or a URL. */
  redirect: z.string().optional(),
})
export type Reply = z.infer<typeof Reply>

export interface Regular {
  readonly status: number
  readonly body: unknown
}

export function isReply(reply: Reply): boolean {
  return (
    reply.http !== undefined ||
    reply.fate !== undefined ||
    reply.delayMs !== undefined ||
    reply.body !== undefined ||
    reply.redirect !== undefined
  )
}

/** Sends the regular answer as bent by the reply. */
export function sendReply(exchange: Exchange, reply: Reply, regular: Regular): void {
  if (reply.delayMs) exchange.clock.after(reply.delayMs, () => sendNow(exchange, reply, regular))
  else sendNow(exchange, reply, regular)
}

function sendNow(exchange: Exchange, reply: Reply, regular: Regular): void {
  const { response, request, entry } = exchange
  if (response.destroyed) return
  if (reply.fate === 'drop') {
    entry.fate = 'dropped'
    request.socket.destroy()
    return
  }
  if (reply.fate === 'reset') {
    entry.fate = 'reset'
    request.socket.resetAndDestroy()
    return
  }
  if (reply.fate === 'hang') {
    entry.fate = 'hung'
    return
  }
  const status = reply.http ?? regular.status
  const full = encode(reply.body === undefined ? regular.body : reply.body)
  const body = reply.fate === 'truncate' ? full.subarray(0, Math.floor(full.length / 2)) : full
  const isText = typeof reply.body === 'string'
  const contentType = reply.contentType ?? (isText ? 'text/html; charset=utf-8' : 'application/json')
  const headers: Record<string, string | number> = { ...reply.headers }
  const retryAfter = reply.headers?.['retry-after']
  if (retryAfter?.startsWith('date+')) headers['retry-after'] = httpDate(exchange, retryAfter.slice('date+'.length))
  if (body.length > 0) headers['content-type'] = contentType
  if (status !== 204) headers['content-length'] = body.length
  response.writeHead(status, headers)
  entry.status = status
  if (reply.fate === 'cut') {
    entry.fate = 'cut'
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => request.socket.destroy())
  } else if (reply.fate === 'trickle') {
    trickle(exchange, body, reply.bytesPerSecond ?? 10)
  } else {
    response.end(body)
  }
}

/** Writes at a steady rate of clock time, a twentieth of a second at a time at the finest. */
export function trickle(exchange: Exchange, body: Buffer, bytesPerSecond: number): void {
  const { response, clock } = exchange
  const piece = Math.max(1, Math.floor(bytesPerSecond / 20))
  const step = (offset: number): void => {
    if (response.destroyed) return
    if (offset >= body.length) {
      response.end()
      return
    }
    response.write(body.subarray(offset, offset + piece))
    clock.after((piece / bytesPerSecond) * 1000, () => step(offset + piece))
  }
  step(0)
}

function httpDate({ clock }: Exchange, afterSeconds: string): string {
  return new Date(clock.now() + Number(afterSeconds) * 1000).toUTCString()
}

function encode(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
