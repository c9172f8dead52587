import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { parseJson } from '../exchange.ts'

const Payload = z.object({ exp: z.number(), jti: z.int(), sub: z.string() })

/** What an output URL carries: until when (in seconds), the how-manieth of its task, and the path it is good for. */
export type TokenPayload = z.infer<typeof Payload>

const HEADER = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')

export function signToken(secret: string, payload: TokenPayload & Record<string, unknown>): string {
  const content = `${HEADER}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`
  return `${content}.${sign(secret, content).toString('base64url')}`
}

/** Undefined unless the signature is ours; whether it is still good is for the caller to say. */
export function readToken(secret: string, token: string): TokenPayload | undefined {
  const [header, payload, signature] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined) return undefined
  const expected = sign(secret, `${header}.${payload}`)
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  return Payload.safeParse(parseJson(Buffer.from(payload, 'base64url').toString())).data
}

function sign(secret: string, content: string): Buffer {
  return createHmac('sha256', secret).update(content).digest()
}
