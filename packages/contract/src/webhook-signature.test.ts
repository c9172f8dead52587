import { inspect } from 'node:util'
import fc from 'fast-check'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { expect, test } from 'vitest'
import { webhookSigningKey } from './webhook-ed25519.ts'
import { signWebhook, verifyWebhook, WebhookSignatureError, webhookKey } from './webhook-signature.ts'

const openai = new OpenAI({ apiKey: 'unused' })
const secretOf = (bytes: Uint8Array) => `whsec_${Buffer.from(bytes).toString('base64')}`
const secrets = fc.uint8Array({ minLength: 24, maxLength: 64 }).map(secretOf)
const ids = fc.stringMatching(/^msg_[0-9A-HJKMNP-TV-Z]{26}$/)
const bodies = fc.json()

const signingKey = (fill: number) => webhookSigningKey(`whsk_${Buffer.alloc(32, fill).toString('base64')}`)
const [OURS, NEXT] = [signingKey(1), signingKey(2)]

function sign(id: string, body: string, given: readonly string[], timestampSeconds = Math.floor(Date.now() / 1000)) {
  return signWebhook({ id, timestampSeconds, body, keys: given.map(webhookKey), ed25519Keys: [NEXT.key, OURS.key] })
}

test('what we sign verifies with the stock standardwebhooks, svix and openai clients, and with our own, ed25519 or not', async () => {
  await fc.assert(
    fc.asyncProperty(ids, bodies, secrets, async (id, body, secret) => {
      const headers = sign(id, body, [secret])
      new Webhook(secret).verify(body, headers)
      new SvixWebhook(secret).verify(body, headers)
      await openai.webhooks.verifySignature(body, headers, secret)
      verifyWebhook({ headers: new Headers(headers), body, secret })
      for (const { publicKey } of [OURS, NEXT]) verifyWebhook({ headers: new Headers(headers), body, publicKey })
    }),
    { numRuns: 50 },
  )
})

test('while a secret rotates, every client verifies with the old and with the new one; afterwards with the new one only', async () => {
  const [old, current] = [secretOf(Buffer.alloc(32, 1)), secretOf(Buffer.alloc(32, 2))]
  const clients: Record<string, (body: string, headers: ReturnType<typeof sign>, secret: string) => unknown> = {
    standardwebhooks: (body, headers, secret) => new Webhook(secret).verify(body, headers),
    svix: (body, headers, secret) => new SvixWebhook(secret).verify(body, headers),
    openai: (body, headers, secret) => openai.webhooks.unwrap(body, headers, secret),
    ours: (body, headers, secret) => verifyWebhook({ headers: new Headers(headers), body, secret }),
  }
  const verifies = async (name: string, given: readonly string[], secret: string) => {
    try {
      await clients[name]?.('{"a":1}', sign('msg_1', '{"a":1}', given), secret)
      return true
    } catch {
      return false
    }
  }
  for (const name of Object.keys(clients)) {
    expect(await verifies(name, [old], old), `${name} before`).toBe(true)
    expect(await verifies(name, [current, old], old), `${name} during, old`).toBe(true)
    expect(await verifies(name, [current, old], current), `${name} during, new`).toBe(true)
    expect(await verifies(name, [current], current), `${name} after, new`).toBe(true)
    expect(await verifies(name, [current], old), `${name} after, old`).toBe(false)
  }
})

test('a changed body, id, timestamp or secret does not verify', () => {
  fc.assert(
    fc.property(
      ids,
      bodies,
      secrets,
      fc.constantFrom('body', 'id', 'timestamp', 'secret'),
      (id, body, secret, part) => {
        const headers = sign(id, body, [secret])
        const changed = {
          headers: new Headers({
            ...headers,
            ...(part === 'id' && { 'webhook-id': `${id}x` }),
            ...(part === 'timestamp' && { 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 1) }),
          }),
          body: part === 'body' ? `${body} ` : body,
        }
        const isSecret = part === 'secret'
        const wrong = isSecret ? secretOf(Buffer.alloc(32, 9)) : secret
        const publicKey = (isSecret ? signingKey(9) : OURS).publicKey
        expect(() => verifyWebhook({ ...changed, secret: wrong })).toThrow(WebhookSignatureError)
        expect(() => verifyWebhook({ ...changed, publicKey })).toThrow(WebhookSignatureError)
      },
    ),
  )
})

test('an old, future or fractional timestamp is refused, and so is a webhook without its headers', () => {
  const secret = secretOf(Buffer.alloc(32, 1))
  const nowSeconds = Math.floor(Date.now() / 1000)
  for (const timestamp of [nowSeconds - 301, nowSeconds + 301]) {
    const headers = new Headers(sign('msg_1', '{}', [secret], timestamp))
    expect(() => verifyWebhook({ headers, body: '{}', secret })).toThrow(/five minutes/)
  }
  const fractional = new Headers({ ...sign('msg_1', '{}', [secret]), 'webhook-timestamp': `${nowSeconds}.5` })
  expect(() => verifyWebhook({ headers: fractional, body: '{}', secret })).toThrow(/five minutes/)
  expect(() => verifyWebhook({ headers: new Headers(), body: '{}', secret })).toThrow(/carries/)
})

test('only whsec_ and base64 of 24 to 64 bytes is a secret', () => {
  const good = secretOf(Buffer.alloc(24))
  expect(webhookKey(good)).toHaveLength(24)
  const short = secretOf(Buffer.alloc(23))
  for (const bad of ['', 'whsec_', good.slice(6), short, secretOf(Buffer.alloc(65)), 'whsec_not base64!!']) {
    expect(() => webhookKey(bad), bad).toThrow(WebhookSignatureError)
  }
})

test('an ed25519 key is a seed, with or without its public half, and v1a stands behind every v1', () => {
  // Test 1 of RFC 8032.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const half = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')
  const keyOf = (...parts: Buffer[]) => webhookSigningKey(`whsk_${Buffer.concat(parts).toString('base64')}`)
  const { publicKey, keyId } = keyOf(seed)
  expect(publicKey).toBe(`whpk_${half.toString('base64')}`)
  expect(keyOf(seed, half)).toMatchObject({ publicKey, keyId })
  expect(`${JSON.stringify(keyOf(seed))} ${inspect(keyOf(seed))}`).not.toContain(seed.toString('base64').slice(0, 8))
  for (const bad of [[seed, seed], [seed.subarray(1)], []]) expect(() => keyOf(...bad)).toThrow(WebhookSignatureError)

  const header = sign('msg_1', '{}', [secretOf(Buffer.alloc(32, 1)), secretOf(Buffer.alloc(32, 2))])[
    'webhook-signature'
  ]
  expect(header.split(' ').map((each) => each.split(',')[0])).toEqual(['v1', 'v1', 'v1a', 'v1a'])
  const headers = new Headers(sign('msg_1', '{}', []))
  expect(() => verifyWebhook({ headers, body: '{}', publicKey: 'whpk_AA==' })).toThrow(/32 bytes/)
})
