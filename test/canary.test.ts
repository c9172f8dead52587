import { startTraceCollector, type TraceCollector } from '@genqueue/simulator'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { everythingIn } from './everything-in.ts'
import { ADMIN_KEY, type House, OTHER_TEAM_KEY, openHouse } from './house.ts'

const lines: string[] = []
const answers: string[] = []

const ENCRYPTION_KEY = Buffer.from('canary-encryption-key-0123456789').toString('base64')
const SIGNING_SEED = Buffer.from('canary-signing-seed-0123456789ab').toString('base64')
const HOOK_SECRET = 'canary-hook-secret-0123456789'
const COLLECTOR_KEY = 'canary-collector-key-0123456789'
const STORED_KEY = 'key_canary-stored-provider-key-0123456789'

/** What every prompt begins with. */
const PROMPT = 'canary-in-prompt-7d1e'

let collector: TraceCollector
let house: House
beforeAll(async () => {
  collector = await startTraceCollector()
  const env = {
    LOG_LEVEL: 'trace',
    ENCRYPTION_KEYS: `k1:${ENCRYPTION_KEY}`,
    HOOK_SECRET,
    WEBHOOK_SIGNING_KEY: `whsk_${SIGNING_SEED}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${COLLECTOR_KEY}`,
  }
  house = await openHouse({ env, logTo: { write: (line) => void lines.push(line) } })
})
afterAll(async () => {
  await collector.close()
  await house.close()
})

test('48 no secret reaches a log line, Redis, an answer, a webhook or a vendor that it is not for, whatever goes wrong (I5)', async () => {
  const { simulator, env, call } = house
  const [runwayKey = ''] = simulator.runway.keys
  const [runwareKey = ''] = simulator.runware.keys
  const apiKey = await newApiKey()
  await storeProviderKey()
  const canaries = {
    'Runway key': runwayKey,
    'Runware key': runwareKey,
    'stored provider key': STORED_KEY,
    'encryption key': ENCRYPTION_KEY,
    'admin key': ADMIN_KEY,
    'team key': OTHER_TEAM_KEY,
    'made API key': apiKey,
    'webhook secret': house.secret.slice('whsec_'.length),
    'signing key': SIGNING_SEED.replace(/=+$/, ''),
    'hook secret': HOOK_SECRET,
    'collector’s key': COLLECTOR_KEY,
    'storage secret': env.AWS_SECRET_ACCESS_KEY ?? '',
    'caller’s own secret': 'canary-in-body-51c2',
  }
  const { 'caller’s own secret': own, ...ours } = canaries
  for (const [name, canary] of Object.entries(canaries)) expect(canary.length, name).toBeGreaterThan(10)

  await makeEverythingGoWrong()
  const ids: string[] = []
  for (const fate of ['plain', 'failing', 'flaky', 'expired', 'dropped']) {
    ids.push((await house.post({ prompt: `${PROMPT} ${fate}` })).id)
  }
  ids.push((await house.postRunware({})).id)
  for (const id of ids) await house.ended(id)
  const unauthorized = await house.post({ prompt: `${PROMPT} unauthorized` })
  await expect
    .poll(async () => (await house.get(unauthorized.id)).waiting?.reason, { interval: 20 })
    .toBe('provider_auth')

  const requests: [string, string, unknown?, Record<string, string>?][] = [
    ['GET', `/v1/jobs/${ids[0]}`],
    ['GET', '/v1/jobs?limit=100'],
    ['GET', '/v1/jobs', undefined, { authorization: `Bearer ${apiKey}` }],
    ['GET', '/v1/jobs', undefined, { authorization: `Bearer ${apiKey.slice(0, -1)}x` }],
    ['GET', `/v1/videos/${ids[0]}/content`],
    ['GET', `/v1/jobs/${ids[0]}`, undefined, { authorization: `Bearer ${runwayKey}` }],
    ['GET', '/v1/videos', undefined, { authorization: `Basic ${ADMIN_KEY}x` }],
    ['GET', `/v1/videos?api_key=${ADMIN_KEY}`],
    ['POST', '/v1/jobs', { provider: own }],
    ['POST', '/v1/videos', { model: 'runway/x', webhook_url: `https://${own}@10.0.0.1/` }],
    ['GET', `/nothing?key=${own}`],
    ['POST', `/hooks/runware/${own}`],
    ...['/v1/webhook_public_keys', '/readyz', '/livez', '/openapi.json', '/docs'].map((path): [string, string] => [
      'GET',
      path,
    ]),
    ...['keys', 'teams', 'providers', 'providers/runway', 'providers/runway/keys', 'providers/runway/limits'].map(
      (path): [string, string] => ['GET', `/api/${path}`],
    ),
    ...['audit', 'usage'].map((path): [string, string] => ['GET', `/api/${path}`]),
    ['POST', '/api/providers', { provider: 'runway', keys: [{ name: own, value: 'env.ENCRYPTION_KEYS' }] }],
    ['POST', '/api/providers/runway/keys', { name: own, value: 'env.ADMIN_API_KEY' }],
  ]
  for (const [method, path, body, headers] of requests) {
    const response = await call(method, path, body, headers)
    answers.push(`${JSON.stringify([...response.headers])} ${await response.text()}`)
  }
  for (const path of ['/livez', '/readyz', '/metrics', '/']) {
    answers.push(await (await fetch(`${house.workers[0]?.healthUrl}${path}`)).text())
  }
  await refuseWrites(house, own)
  await house.workers[0]?.stop()
  await house.api.close()

  const webhooks = simulator.receiver.deliveries().map(({ rawHeaders, body }) => `${rawHeaders.join(' ')} ${body}`)
  // The simulator writes down whatever it is sent but the key of a request.
  const vendors = simulator.journal().map((entry) => JSON.stringify(entry))
  const bucket = simulator.store.journal.map((entry) => JSON.stringify(entry))
  const stored = await everythingIn(house.redis.url)
  const traces = collector.spans().map((span) => JSON.stringify(span))
  const places = { lines, stored, answers, webhooks, vendors, bucket, traces }
  for (const [name, texts] of Object.entries(places)) expect(texts.length, name).toBeGreaterThan(4)
  for (const [name, canary] of Object.entries(ours)) {
    for (const [place, texts] of Object.entries(places)) {
      expect(
        texts.filter((text) => text.includes(canary)),
        `the ${name} in ${place}`,
      ).toEqual([])
    }
  }
  // Messages carry ids: a queue is read by more people than records are.
  expect(stored.filter((text) => text.includes(PROMPT)).length).toBeGreaterThan(5)
  expect(stored.filter((text) => /^[^ ]*:bq:/.test(text) && text.includes(PROMPT))).toEqual([])
  expect([...lines, ...traces].filter((text) => text.includes(PROMPT))).toEqual([])
  // What a caller sends is never logged or traced; it may be told back what was wrong with it.
  expect([...lines, ...traces].filter((text) => text.includes(own))).toEqual([])
  // Nor are links that carry their own permission.
  const links = /_jwt=|X-Amz-Signature|\/hooks\/runware\/[\w-]{20}/
  expect([...lines, ...traces].filter((text) => links.test(text))).toEqual([])
})

/** Its only appearance is the answer that it comes with. */
async function newApiKey(): Promise<string> {
  const made = await house.call('POST', '/api/keys', { name: 'canary' })
  expect(made.status).toBe(201)
  return z.object({ key: z.string() }).parse(await made.json()).key
}

/** A literal that the vendor will refuse, and that everybody would rather use. */
async function storeProviderKey(): Promise<void> {
  const key = { name: 'canary', value: STORED_KEY, models: ['*'], weight: 1_000 }
  const stored = await house.call('POST', '/api/providers', { provider: 'runway', keys: [key] })
  answers.push(await stored.text())
  expect(stored.ok, answers.at(-1)).toBe(true)
}

async function makeEverythingGoWrong(): Promise<void> {
  const { runway, receiver, store } = house.simulator
  runway.fault('create.401', {}, { promptIncludes: 'unauthorized' })
  runway.fault('poll.failed', { code: 'INTERNAL' }, { promptIncludes: 'failing' })
  runway.fault('poll.5xx', { n: 2 }, { promptIncludes: 'flaky' })
  runway.fault('dl.expired_403', {}, { promptIncludes: 'expired' })
  runway.fault('create.accept_then_drop', {}, { promptIncludes: 'dropped' })
  receiver.behave({ kind: 'answer', status: 500, times: 2 })
  store.fault({ kind: 'slow_down', operation: 'PutObject', times: 1 })
}

/** Redis refuses every write for a moment: its client's errors carry the whole command. */
async function refuseWrites({ redis: { url }, call, workers }: House, prompt: string): Promise<void> {
  const redis = new Redis(url)
  const before = lines.length
  await redis.config('SET', 'maxmemory', '1')
  const input = { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 }
  const refused = await call('POST', '/v1/jobs', { provider: 'runway', operation: 'text_to_video', input })
  answers.push(await refused.text())
  expect(refused.status).toBe(503)
  expect(workers).toHaveLength(1)
  await expect.poll(() => lines.slice(before).some((line) => line.includes('OOM'))).toBe(true)
  await redis.config('SET', 'maxmemory', '0')
  redis.disconnect()
}
