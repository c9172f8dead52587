import { execFileSync } from 'node:child_process'
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import {
  DeliveryDetail,
  DeliveryList,
  DeliveryResource,
  RedeliverReport,
  verifyWebhook,
  WebhookEndpoint,
  WebhookEndpointTest,
  type WebhookEvent,
  WebhookPublicKeyList,
} from '@genqueue/contract'
import { EndpointRow } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const lines: string[] = []
const answers: string[] = []
const secrets: string[] = []

let house: House
let openai: OpenAI
beforeAll(async () => {
  house = await openHouse({
    env: {
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      WEBHOOK_SIGNING_KEY: `whsk_${randomBytes(32).toString('base64')}`,
      WEBHOOK_TIMEOUT_MS: '400',
      LOG_LEVEL: 'trace',
    },
    logTo: { write: (line) => void lines.push(line) },
  })
  openai = new OpenAI({ apiKey: ADMIN_KEY, baseURL: `${house.api.url}/v1`, maxRetries: 0 })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

type Received = ReturnType<House['simulator']['receiver']['deliveries']>[number]
type Types = Parameters<OpenAI['webhooks']['create']>[0]['event_types']

/** An endpoint at a path of its own. */
async function register(path: string, types: string[] = ['video.completed']) {
  const made = await openai.webhooks.create({
    name: path,
    url: house.simulator.receiver.url + path,
    event_types: types as Types, // ours go further than the SDK's
  })
  secrets.push(made.signing_secret)
  return made
}

async function api<Schema extends z.ZodType>(method: string, path: string, schema: Schema, body?: unknown) {
  const response = await house.call(method, path, body)
  const text = await response.text()
  answers.push(text)
  expect(response.ok, `${method} ${path}: ${response.status} ${text}`).toBe(true)
  return schema.parse(JSON.parse(text))
}

const receivedAt = (path: string, count = 1) =>
  house.simulator.receiver
    .waitFor((_, all) => all.filter((each) => each.path === path).length >= count)
    .then(() => house.simulator.receiver.deliveries(path))

/** Which of the stock clients take it with this secret: all or none of them. */
async function verifies({ headers, body }: Received, secret: string): Promise<boolean> {
  const text = body.toString()
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  const clients = [
    async () => openai.webhooks.unwrap(text, given, secret),
    async () => new Webhook(secret).verify(text, given),
    async () => new SvixWebhook(secret).verify(text, given),
    async () => verifyWebhook({ headers: new Headers(given), body, secret }),
  ]
  const results = await Promise.allSettled(clients.map((client) => client()))
  expect(new Set(results.map(({ status }) => status)).size, 'the clients agree').toBe(1)
  return results[0]?.status === 'fulfilled'
}

test('an endpoint made with the openai SDK is told beside the job’s own URL, and rotation is noticed by nobody', async () => {
  const first = await register('/rotating')
  const other = await register('/images-only', ['image.*'])
  const told = async (count: number) => {
    const { id } = await house.post({ prompt: `told ${count}` })
    const own = await house.webhook(id)
    expect(own.type).toBe('video.completed')
    const delivery = (await receivedAt('/rotating', count)).at(-1)
    if (!delivery) throw new Error('nothing came')
    return delivery
  }
  const before = await told(1)
  expect(await verifies(before, first.signing_secret)).toBe(true)
  expect(await verifies(before, other.signing_secret)).toBe(false)

  const second = await openai.webhooks.rotateSecret(first.id, { keep_old_secret_active_for_24_hours: true })
  secrets.push(second.signing_secret)
  const during = await told(2)
  expect(await verifies(during, first.signing_secret)).toBe(true)
  expect(await verifies(during, second.signing_secret)).toBe(true)

  const third = await openai.webhooks.rotateSecret(first.id)
  secrets.push(third.signing_secret)
  const after = await told(3)
  expect(await verifies(after, second.signing_secret)).toBe(false)
  expect(await verifies(after, third.signing_secret)).toBe(true)

  expect(house.simulator.receiver.deliveries('/images-only')).toEqual([])
  expect((await openai.webhooks.retrieve(first.id)).signing_secret_hint).toBe(third.signing_secret_hint)
  await Promise.all([first, other].map(({ id }) => openai.webhooks.delete(id)))
  await expect(openai.webhooks.retrieve(first.id)).rejects.toMatchObject({ status: 404, code: 'not_found' })
})

test('anybody can verify what comes to endpoints and URLs with the published ed25519 key alone', async () => {
  const { id } = await register('/anybody')
  const job = await house.post({ prompt: 'anybody' })
  await house.webhook(job.id)
  const [toEndpoint] = await receivedAt('/anybody')
  const toUrl = house.simulator.receiver.deliveries('/hook').at(-1)
  const answer = await fetch(`${house.api.url}/v1/webhook_public_keys`)
  const { data } = WebhookPublicKeyList.parse(await answer.json())
  expect(data).toHaveLength(1)
  const x = Buffer.from(data[0]?.public_key.slice('whpk_'.length) ?? '', 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  for (const each of [toEndpoint, toUrl]) {
    if (!each) throw new Error('nothing came')
    const { 'webhook-id': msgId, 'webhook-timestamp': seconds, 'webhook-signature': header } = each.headers
    const [hmac, ed25519, ...others] = String(header).split(' ')
    expect([hmac?.slice(0, 3), ed25519?.slice(0, 4), others]).toEqual(['v1,', 'v1a,', []])
    const signed = Buffer.concat([Buffer.from(`${msgId}.${seconds}.`), each.body])
    expect(verify(null, signed, key, Buffer.from(ed25519?.slice(4) ?? '', 'base64'))).toBe(true)
  }
  await openai.webhooks.delete(id)
})

test('a 410 disables the endpoint and tells; what comes meanwhile is held and replayed with the same id and bytes', async () => {
  const { receiver } = house.simulator
  const { id, signing_secret } = await register('/leaving', ['job.*'])
  receiver.behave({ kind: 'answer', status: 410, path: '/leaving', times: 1, body: 'moved away' })
  const since = Math.floor(Date.now() / 1000) - 1
  const first = await house.post({ prompt: 'first', webhook_url: undefined })
  await receivedAt('/leaving')
  const look = () => api('GET', `/v1/webhook_endpoints/${id}`, WebhookEndpoint)
  await expect.poll(look, { interval: 20 }).toMatchObject({ status: 'disabled', disabled_reason: 'gone' })
  expect(lines.some((line) => line.includes('webhook endpoint disabled') && line.includes(id))).toBe(true)

  const second = await house.post({ prompt: 'second', webhook_url: undefined })
  await house.ended(second.id)
  const held = await api('GET', `/v1/jobs/${second.id}/deliveries`, DeliveryList)
  expect(held.data).toMatchObject([{ status: 'held', attempts: 0, webhook_endpoint_id: id }])
  const refused = await house.call('POST', `/v1/deliveries/${held.data[0]?.id}/redeliver`)
  expect(await refused.json()).toMatchObject({ status: 409, code: 'endpoint_disabled' })
  await expect(openai.webhooks.test(id, { event_type: 'video.completed' })).rejects.toMatchObject({ status: 409 })

  await api('POST', `/v1/webhook_endpoints/${id}`, WebhookEndpoint, { status: 'enabled' })
  const report = await api('POST', '/v1/redeliveries', RedeliverReport, { since, endpoint_id: id })
  expect(report).toEqual({ object: 'redelivery', redelivered: 2, has_more: false, next_since: null })
  const received = await receivedAt('/leaving', 3)
  for (const delivery of received) expect(await verifies(delivery, signing_secret)).toBe(true)
  const of = (job: { id: string }) =>
    received.filter(({ headers }) => headers['webhook-id'] === `msg_${job.id.slice(4)}_${id.slice(3)}`)
  expect(of(first)).toHaveLength(2)
  expect(of(first)[1]?.body.equals(of(first)[0]?.body ?? Buffer.alloc(0))).toBe(true)
  expect(of(second)).toHaveLength(1)
  const ended = () => api('GET', `/v1/deliveries?endpoint=${id}&status=delivered`, DeliveryList)
  await expect
    .poll(async () => (await ended()).data.map((each) => each.job_id), { interval: 20 })
    .toEqual([second.id, first.id])
  await openai.webhooks.delete(id)
})

test('a test event says how the endpoint answered, is tried once, and leaves a log', async () => {
  const { receiver } = house.simulator
  const { id, signing_secret } = await register('/tested')
  const answered = await openai.webhooks.test(id, { event_type: 'video.failed' })
  expect(answered).toMatchObject({
    event_type: 'video.failed',
    status_code: 204,
    success: true,
    webhook_endpoint_id: id,
  })
  const [sample] = await receivedAt('/tested')
  if (!sample) throw new Error('nothing came')
  expect(await verifies(sample, signing_secret)).toBe(true)
  const event = JSON.parse(sample.body.toString()) as WebhookEvent // verified: ours
  expect(event).toMatchObject({ type: 'video.failed', data: { status: 'failed', metadata: { test: 'true' } } })

  receiver.behave({ kind: 'answer', status: 500, path: '/tested', times: 1, body: 'no\u0007pe' })
  receiver.behave({ kind: 'hang', path: '/tested', times: 1 })
  const path = `/v1/webhook_endpoints/${id}/test`
  const failed = await api('POST', path, WebhookEndpointTest, { event_type: 'video.completed' })
  expect(failed).toMatchObject({ success: true, status_code: 500, error: null })
  const silent = await api('POST', path, WebhookEndpointTest, { event_type: 'video.completed' })
  expect(silent).toMatchObject({ success: false, status_code: null, error: 'timeout' })

  const { log, ...rest } = await api('GET', `/v1/deliveries/${failed.delivery_id}`, DeliveryDetail)
  expect(rest).toMatchObject({ status: 'exhausted', attempts: 1, next_attempt_at: null })
  expect(log).toMatchObject([{ status_code: 500, answer: 'no pe', next_attempt_at: null }])
  await openai.webhooks.delete(id)
})

test('the request as it was sent can be printed as curl, and repeating it is repeating the webhook', async () => {
  const { id } = await house.post({ prompt: "it's", metadata: { note: "a 'quoted' $word" } })
  await house.webhook(id)
  const path = `/v1/deliveries/msg_${id.slice(4)}`
  // It is written down a moment after it was received.
  await expect.poll(async () => (await api('GET', path, DeliveryDetail)).attempts, { interval: 10 }).toBe(1)
  const response = await house.call('GET', `${path}/curl`)
  const text = await response.text()
  answers.push(text)
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  // What curl would be given, word by word.
  const words = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${text}`])
    .toString()
    .split('\0')
  const [sent] = house.simulator.receiver
    .deliveries()
    .filter(({ headers }) => headers['webhook-id'] === `msg_${id.slice(4)}`)
  const given = words.filter((_, index) => words[index - 1] === '-H').map((header) => header.split(': ', 2))
  for (const [name = '', value] of given) expect(sent?.headers[name], name).toBe(value)
  expect(given.map(([name]) => name)).toContain('webhook-signature')
  expect(words.slice(0, 3)).toEqual(['-X', 'POST', `${house.simulator.receiver.url}/hook`])
  expect(words[words.indexOf('--data-binary') + 1]).toBe(sent?.body.toString())
})

test('a delivery and all of a job’s are sent again on request: same id and bytes, and a log that goes on', async () => {
  const { id } = await house.post({ prompt: 'again', webhook_url: `${house.simulator.receiver.url}/again` })
  await receivedAt('/again')
  const path = `/v1/deliveries/msg_${id.slice(4)}`
  const isDelivered = (attempts: number) =>
    expect
      .poll(() => api('GET', path, DeliveryDetail), { interval: 10 })
      .toMatchObject({
        status: 'delivered',
        attempts,
        log: Array.from({ length: attempts }, () => ({ status_code: 204 })),
      })
  await isDelivered(1)
  expect(await api('POST', `${path}/redeliver`, DeliveryResource)).toMatchObject({ job_id: id, ended_at: null })
  await isDelivered(2)
  expect(await api('POST', `/v1/jobs/${id}/redeliver`, RedeliverReport)).toMatchObject({ redelivered: 1 })
  await isDelivered(3)
  const received = house.simulator.receiver.deliveries('/again')
  for (const each of received) expect(await verifies(each, house.secret)).toBe(true)
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(received.map(({ headers }) => headers['webhook-attempt'])).toEqual(['1', '2', '3'])
  expect(new Set(received.map(({ body }) => body.toString())).size).toBe(1)
})

test('a job’s own URL is told only what it asked for', async () => {
  const quiet = await house.post({
    prompt: 'quiet',
    webhook_events: ['job.failed'],
    webhook_url: `${house.simulator.receiver.url}/quiet`,
  })
  const loud = await house.post({
    prompt: 'loud',
    webhook_events: ['video.*'],
    webhook_url: `${house.simulator.receiver.url}/loud`,
  })
  await receivedAt('/loud')
  await house.ended(quiet.id)
  expect((await api('GET', `/v1/jobs/${quiet.id}/deliveries`, DeliveryList)).data).toEqual([])
  expect((await api('GET', `/v1/jobs/${loud.id}/deliveries`, DeliveryList)).data).toMatchObject([
    { event_type: 'video.completed' },
  ])
  expect(house.simulator.receiver.deliveries('/quiet')).toEqual([])
})

test('signing secrets are in no log line, no answer but the one that made them, and not in Redis', async () => {
  await register('/kept')
  const redis = new Redis(house.redis.url)
  const texts = [...lines, ...answers]
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key)
    if (type === 'hash') texts.push(JSON.stringify(await redis.hgetall(key)))
    if (type === 'stream') texts.push(JSON.stringify(await redis.xrange(key, '-', '+')))
    if (type === 'string') texts.push((await redis.get(key)) ?? '')
  }
  const rows = await redis.hvals(`${house.env.KEY_PREFIX}:endpoints:default`)
  redis.disconnect()
  expect(rows.map((row) => EndpointRow.parse(JSON.parse(row)).status)).toEqual(['enabled'])
  expect(secrets.length).toBeGreaterThan(5)
  for (const secret of secrets) {
    const bare = secret.slice('whsec_'.length, -1)
    expect(texts.filter((text) => text.includes(bare))).toEqual([])
  }
})
