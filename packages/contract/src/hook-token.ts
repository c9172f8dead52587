import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Secret } from './secret.ts'

/** The last part of the address at which a vendor reports on one task; nobody without the secret can make it. */
export function hookToken(secret: Secret, clientRef: string): string {
  const ref = clientRef.toLowerCase()
  return `${ref}.${proofOf(secret, ref).toString('base64url')}`
}

/** The task that a token was made for; undefined when it was not made with this secret. */
export function readHookToken(secret: Secret, token: string): string | undefined {
  const [, ref, proof] = /^([0-9a-f-]{36})\.([\w-]{43})$/.exec(token) ?? []
  if (ref === undefined || proof === undefined) return undefined
  const given = Buffer.from(proof, 'base64url')
  const expected = proofOf(secret, ref)
  return given.length === expected.length && timingSafeEqual(given, expected) ? ref : undefined
}

function proofOf(secret: Secret, ref: string): Buffer {
  return createHmac('sha256', secret.reveal()).update(`hook\n${ref}`).digest()
}
