import { createHmac, createPublicKey, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto'

const PREFIX = 'whsec_'
const PUBLIC_PREFIX = 'whpk_'
const TOLERANCE_SECONDS = 300
/** What stands before an ed25519 public key in SPKI, as RFC 8410 has it. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** Thrown by `webhookKey` and `verifyWebhook`; the code says which rule of Standard Webhooks was broken. */
export class WebhookSignatureError extends Error {
  override readonly name = 'WebhookSignatureError'
  readonly code: 'invalid_secret' | 'invalid_key' | 'missing_header' | 'stale_timestamp' | 'no_match'

  constructor(code: WebhookSignatureError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The key bytes of a `whsec_` secret (24 to 64 bytes of base64), as the standardwebhooks, svix and openai clients read it. */
export function webhookKey(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.alloc(0)
  if (key.length < 24 || key.length > 64) {
    throw new WebhookSignatureError('invalid_secret', 'A webhook secret is whsec_ followed by base64 of 24 to 64 bytes')
  }
  return key
}

/**
 * The three Standard Webhooks headers. The current secret signs first; older ones that are still valid follow, so
 * that receivers keep verifying while a secret rotates. Signatures of ed25519 keys come last, because some clients look
 * at the first one only. `timestampSeconds` is an integer: two of three clients refuse a fraction.
 */
export function signWebhook(options: {
  id: string
  timestampSeconds: number
  body: Buffer | string
  keys: readonly Buffer[]
  ed25519Keys?: readonly KeyObject[]
}): { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string } {
  const { id, timestampSeconds, body, keys, ed25519Keys = [] } = options
  const timestamp = String(timestampSeconds)
  const signatures = keys.map((key) => `v1,${digest(key, id, timestamp, body)}`)
  for (const key of ed25519Keys) {
    signatures.push(`v1a,${sign(null, signedBytes(id, timestamp, body), key).toString('base64')}`)
  }
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** What a receiver verifies with: the secret of `v1`, or a `whpk_` public key of `v1a`. */
type VerifiedWith = { secret: string; publicKey?: undefined } | { publicKey: string; secret?: undefined }

/** Returns when one of the signatures is ours and the timestamp is within five minutes; throws otherwise. */
export function verifyWebhook(
  options: {
    headers: { get(name: string): string | null }
    body: Buffer | string
    nowMs?: number
  } & VerifiedWith,
): void {
  const { headers, body, nowMs = Date.now() } = options
  const id = headers.get('webhook-id')
  const timestamp = headers.get('webhook-timestamp')
  const signatures = headers.get('webhook-signature')
  if (!id || !timestamp || !signatures) {
    throw new WebhookSignatureError('missing_header', 'A webhook carries webhook-id, -timestamp and -signature')
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new WebhookSignatureError('stale_timestamp', 'The webhook timestamp is more than five minutes away')
  }
  const isOurs =
    options.secret === undefined
      ? isSignedBy(publicKeyOf(options.publicKey), signedBytes(id, timestamp, body))
      : isDigest(digest(webhookKey(options.secret), id, timestamp, body))
  if (!signatures.split(' ').some(isOurs)) {
    throw new WebhookSignatureError('no_match', 'No signature of the webhook is made with this secret or key')
  }
}

function isDigest(digest: string): (signature: string) => boolean {
  const expected = Buffer.from(digest)
  return (signature) => {
    const given = Buffer.from(signature.startsWith('v1,') ? signature.slice(3) : '')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
}

function isSignedBy(key: KeyObject, signed: Buffer): (signature: string) => boolean {
  return (signature) =>
    signature.startsWith('v1a,') && verify(null, signed, key, Buffer.from(signature.slice(4), 'base64'))
}

function publicKeyOf(text: string): KeyObject {
  const bytes = Buffer.from(text.startsWith(PUBLIC_PREFIX) ? text.slice(PUBLIC_PREFIX.length) : '', 'base64')
  if (bytes.length !== 32) {
    throw new WebhookSignatureError('invalid_key', 'A public key is whpk_ followed by base64 of 32 bytes')
  }
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' })
}

function signedBytes(id: string, timestamp: string, body: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestamp}.`), Buffer.from(body)])
}

function digest(key: Buffer, id: string, timestamp: string, body: Buffer | string): string {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
}
