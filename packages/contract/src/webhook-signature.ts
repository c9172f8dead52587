import { createHmac, timingSafeEqual } from 'node:crypto'

const PREFIX = 'whsec_'
const TOLERANCE_SECONDS = 300

/** Thrown by `webhookKey` and `verifyWebhook`; the code says which rule of Standard Webhooks was broken. */
export class WebhookSignatureError extends Error {
  override readonly name = 'WebhookSignatureError'
  readonly code: 'invalid_secret' | 'missing_header' | 'stale_timestamp' | 'no_match'

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
 * that receivers keep verifying while a secret rotates. `timestampSeconds` is an integer: two of three clients refuse
 * a fraction.
 */
export function signWebhook(options: {
  id: string
  timestampSeconds: number
  body: Buffer | string
  keys: readonly Buffer[]
}): { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string } {
  const { id, timestampSeconds, body, keys } = options
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': keys.map((key) => `v1,${digest(key, id, String(timestampSeconds), body)}`).join(' '),
  }
}

/** Returns when one of the `v1` signatures is ours and the timestamp is within five minutes; throws otherwise. */
export function verifyWebhook(options: {
  headers: { get(name: string): string | null }
  body: Buffer | string
  secret: string
  nowMs?: number
}): void {
  const { headers, body, secret, nowMs = Date.now() } = options
  const id = headers.get('webhook-id')
  const timestamp = headers.get('webhook-timestamp')
  const signatures = headers.get('webhook-signature')
  if (!id || !timestamp || !signatures) {
    throw new WebhookSignatureError('missing_header', 'A webhook carries webhook-id, -timestamp and -signature')
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new WebhookSignatureError('stale_timestamp', 'The webhook timestamp is more than five minutes away')
  }
  const expected = Buffer.from(digest(webhookKey(secret), id, timestamp, body))
  const matches = signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature.startsWith('v1,') ? signature.slice(3) : '')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (!matches) throw new WebhookSignatureError('no_match', 'No signature of the webhook is made with this secret')
}

function digest(key: Buffer, id: string, timestamp: string, body: Buffer | string): string {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
}
