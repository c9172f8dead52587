import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { WebhookSignatureError } from './webhook-signature.ts'

const PREFIX = 'whsk_'
const SEED_BYTES = 32
/** What stands before the seed in PKCS #8, as RFC 8410 has it. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Signs webhooks as `v1a`. Holds the key so that nothing prints it. */
export type WebhookSigningKey = {
  key: KeyObject
  /** `whpk_` and base64 of 32 bytes: what receivers verify with. */
  publicKey: string
  /** Names the key: the beginning of the SHA-256 of the public one. */
  keyId: string
}

/** Reads `whsk_` and base64 of an ed25519 seed (32 bytes), or of the seed and its public key (64). */
export function webhookSigningKey(text: string): WebhookSigningKey {
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : ''
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0)
  if (bytes.length !== SEED_BYTES && bytes.length !== 2 * SEED_BYTES) throw invalid()
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, bytes.subarray(0, SEED_BYTES)]),
    format: 'der',
    type: 'pkcs8',
  })
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES)
  if (bytes.length > SEED_BYTES && !raw.equals(bytes.subarray(SEED_BYTES))) throw invalid()
  const publicKey = `whpk_${raw.toString('base64')}`
  return { key, publicKey, keyId: createHash('sha256').update(publicKey).digest('hex').slice(0, 8) }
}

/** One key, or several with the current one first while it is being changed. */
export const WebhookSigningKeys = z.string().transform((text, context) => {
  try {
    return text.split(/[\s,]+/).map((key) => webhookSigningKey(key))
  } catch {
    context.addIssue('is not whsk_ and base64 of an ed25519 seed (make one: echo "whsk_$(openssl rand -base64 32)")')
    return z.NEVER
  }
})

function invalid(): WebhookSignatureError {
  return new WebhookSignatureError(
    'invalid_key',
    'A signing key is whsk_ followed by base64 of a 32-byte seed, or of the seed and its public key',
  )
}
