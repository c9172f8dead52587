import { parseConfig, startApi } from '@genqueue/api'
import { createKeys } from '@genqueue/jobs'
import { createLog } from '@genqueue/log'
import { startTraceCollector, type ToldSpan, type TraceCollector } from '@genqueue/simulator'
import { readWorkerConfig, startWorker } from '@genqueue/worker'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { everythingIn } from './everything-in.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const CALLER = `00-${TRACE_ID}-b7ad6b7169203331-01`
const HEADER_SECRET = 'canary-collector-key-0123456789'
const PROMPT = 'canary-in-prompt-9b2f'
const CONTEXT_IN = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

let collector: TraceCollector
let house: House
beforeAll(async () => {
  collector = await startTraceCollector()
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${HEADER_SECRET}`,
  }
  house = await openHouse({ env })
})
afterAll(async () => {
  await collector.close()
  await house.close()
})

const Accepted = z.object({ id: z.string() })

/** A job of somebody who traces. */
async function post(url: string, prompt: string, more: Record<string, unknown> = {}): Promise<string> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', traceparent: CALLER },
    body: JSON.stringify({
      provider: 'runway',
      operation: 'text_to_video',
      input: { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 },
      webhook_url: `${house.simulator.receiver.url}/hook`,
      ...more,
    }),
  })
  return Accepted.parse(await response.json()).id
}

/** API and worker beside those of the house, in the same world, under keys of their own. */
async function openPair(more: Record<string, string>) {
  const env = { ...house.env, ...more }
  const { log } = createLog({ service: 'test', level: 'silent', destination: { write: () => undefined } })
  const api = await startApi(parseConfig(env), log)
  const worker = await startWorker(readWorkerConfig(env), log)
  return { url: api.url, close: () => Promise.all([api.close(), worker.stop()]) }
}

const webhookOf = (id: string) =>
  house.simulator.receiver.waitFor(({ headers }) => headers['webhook-id'] === `msg_${id.slice(4)}`)

/** By names: what was done within what. */
function tree(spans: readonly ToldSpan[], parent: string): unknown {
  const children = spans.filter(({ parentSpanId }) => parentSpanId === parent)
  return children.length === 0
    ? {}
    : Object.fromEntries(children.map(({ name, spanId }) => [name, tree(spans, spanId)]))
}

test('a job is one trace from its POST to its webhook, the caller’s own, and neither vendor nor bucket hears of it', async () => {
  const { simulator, env } = house
  const id = await post(house.api.url, PROMPT)
  await house.ended(id)
  await house.webhook(id)
  const delivery = await webhookOf(id)
  const image = { model: 'runware/runware:101@1', prompt: PROMPT, size: '512x512' }
  expect((await house.call('POST', '/v1/images/generations', image)).status).toBe(200)
  await house.workers[0]?.stop()
  await house.api.close()

  const spans = collector.spans()
  const ofJob = spans.filter(({ traceId }) => traceId === TRACE_ID)
  expect(tree(ofJob, CALLER.slice(36, 52))).toEqual({
    'POST /v1/jobs': {
      'accept job': {
        'process submit-runway': { 'runway submit': {} },
        'look at runway': {},
        'process copy': { 'copy output': {}, 'job ended': {} },
        'send webhook': {},
      },
    },
  })
  const find = (name: string) => ofJob.find((span) => span.name === name)
  expect(find('POST /v1/jobs')).toMatchObject({
    kind: 2,
    service: 'genqueue-api',
    attributes: { 'http.route': '/v1/jobs', 'http.response.status_code': 202, 'genqueue.team': 'default' },
  })
  const job = { 'genqueue.job.id': id, 'gen_ai.provider.name': 'runway', 'gen_ai.request.model': 'gen4.5' }
  expect(find('process submit-runway')).toMatchObject({ kind: 5, service: 'genqueue-worker', attributes: job })
  expect(find('runway submit')).toMatchObject({
    kind: 3,
    attributes: { 'http.request.method': 'POST', 'server.address': '127.0.0.1', 'http.response.status_code': 200 },
  })
  expect(Number(find('copy output')?.attributes['genqueue.bytes'])).toBeGreaterThan(1_000)
  expect(find('job ended')?.attributes).toMatchObject({ ...job, 'genqueue.status': 'succeeded' })
  expect(CONTEXT_IN.exec(String(delivery.headers.traceparent))?.slice(1)).toEqual([
    TRACE_ID,
    find('send webhook')?.spanId,
  ])
  const headers = Object.fromEntries(Object.entries(delivery.headers).map(([name, value]) => [name, String(value)]))
  const body = delivery.body.toString()
  expect(() => new Webhook(house.secret).verify(body, headers)).not.toThrow()
  expect(() => new SvixWebhook(house.secret).verify(body, headers)).not.toThrow()
  await new OpenAI({ apiKey: '-' }).webhooks.unwrap(body, headers, house.secret)
  // Of many looks, one for each status that was new.
  expect(ofJob.filter(({ name }) => name === 'look at runway').length).toBeLessThanOrEqual(4)

  const waited = spans.find(({ name }) => name === 'POST /v1/images/generations')
  expect(waited?.traceId).not.toBe(TRACE_ID)
  expect(
    tree(
      spans.filter(({ traceId }) => traceId === waited?.traceId),
      waited?.spanId ?? '',
    ),
  ).toEqual({
    'accept job': { 'process wait-runware': { 'runware submit': {}, 'copy output': {}, 'job ended': {} } },
  })

  expect(collector.headers.every((headers) => headers['x-collector-key'] === HEADER_SECRET)).toBe(true)
  const secrets = [
    PROMPT,
    HEADER_SECRET,
    ADMIN_KEY,
    house.secret.slice(6),
    ...simulator.runway.keys,
    ...simulator.runware.keys,
  ]
  for (const secret of [...secrets, env.AWS_SECRET_ACCESS_KEY ?? '', '_jwt=', 'X-Amz-', '/hook']) {
    expect(
      collector.bodies.filter((body) => body.includes(secret)),
      secret,
    ).toEqual([])
  }
  const theirs = [...simulator.journal(), ...simulator.store.journal].map((entry) => JSON.stringify(entry))
  expect(theirs.length).toBeGreaterThan(4)
  expect(theirs.filter((entry) => entry.includes('traceparent') || entry.includes(TRACE_ID))).toEqual([])
  house.assertHonest()
})

test('without a collector nothing is told, written down or passed on', async () => {
  const before = collector.bodies.length
  const off = await openPair({ KEY_PREFIX: '{off}', OTEL_EXPORTER_OTLP_ENDPOINT: '' })
  const id = await post(off.url, 'untraced')
  expect((await webhookOf(id)).headers).not.toHaveProperty('traceparent')
  const stored = await everythingIn(house.redis.url)
  expect(stored.filter((text) => text.startsWith(createKeys('{off}').job(id))).join()).toContain('untraced')
  expect(stored.filter((text) => text.startsWith('{off}') && /traceparent|0af7651916cd/.test(text))).toEqual([])
  await off.close()
  expect(collector.bodies.length).toBe(before)
})

test('a collector that never answers slows no job, and delays the end of a process by a second', async () => {
  const hanging = await startTraceCollector({ hangs: true })
  const pair = await openPair({ KEY_PREFIX: '{hanging}', OTEL_EXPORTER_OTLP_ENDPOINT: hanging.url })
  const ids = await Promise.all([1, 2, 3].map((n) => post(pair.url, `hanging ${n}`)))
  await Promise.all(ids.map(webhookOf))
  const startedMs = performance.now()
  await pair.close()
  expect(performance.now() - startedMs).toBeLessThan(4_000)
  await vi.waitFor(() => expect(hanging.bodies.length).toBeGreaterThan(0))
  await hanging.close()
})
