import { verifyWebhook, webhookKey } from '@genqueue/contract'
import { createGuardedAgent, type EgressPolicy, parseCidrs } from '@genqueue/egress'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import type { Agent } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WebhookCall } from './stages/notify.ts'
import { createWebhookSender } from './webhook-sender.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const TIMEOUT_MS = 300
/** For a loaded machine; a broken deadline is off by much more. */
const SLACK_MS = 700

const policyAllowing = (ranges: string): EgressPolicy => ({
  allowHttp: false,
  ports: new Set([443]),
  allow: ranges === '' ? [] : parseCidrs(ranges),
  deny: [],
})
const limits = { dnsTimeoutMs: 1_000, connectTimeoutMs: 1_000, keepAliveMs: 4_000, connections: 4 }

let simulator: Simulator
let agent: Agent
let send: ReturnType<typeof createWebhookSender>
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.close())
beforeEach(() => {
  const policy = policyAllowing('127.0.0.0/8')
  agent = createGuardedAgent(policy, limits)
  send = createWebhookSender({ agent, policy, timeoutMs: TIMEOUT_MS })
})
afterEach(() => agent.destroy())

let calls = 0
function call(path: string, parts: Partial<WebhookCall> = {}): WebhookCall {
  calls += 1
  const timestampSeconds = Math.floor(Date.now() / 1000)
  return {
    id: `msg_${calls}`,
    url: simulator.receiver.url + path,
    keys: [webhookKey(SECRET)],
    body: '{"type":"video.completed"}',
    attempt: 1,
    timestampSeconds,
    ...parts,
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ answer: T; tookMs: number }> {
  const startedMs = performance.now()
  return { answer: await work(), tookMs: performance.now() - startedMs }
}

/** Sockets that are still open towards the receiver. */
function openSockets(): number {
  return Object.values(agent.stats).reduce((sum, { connected }) => sum + Number(connected), 0)
}

test('a delivery carries a signature that verifies, its attempt, and exactly the bytes of the body', async () => {
  const sent = call('/ok', { attempt: 3, body: '{"text":"naïve 火"}' })
  expect(await send(sent)).toMatchObject({ kind: 'answered', status: 204, retryAfterMs: undefined, text: '' })
  expect(openSockets(), 'kept for the next delivery').toBe(1)
  const [delivery] = simulator.receiver.deliveries('/ok')
  expect(delivery?.body.toString()).toBe(sent.body)
  expect(delivery?.headers).toMatchObject({
    'webhook-id': sent.id,
    'webhook-attempt': '3',
    'content-type': 'application/json',
  })
  const headers = new Headers(Object.entries(delivery?.headers ?? {}).map(([name, value]) => [name, String(value)]))
  verifyWebhook({ headers, body: delivery?.body ?? Buffer.alloc(0), secret: SECRET })
})

describe('a receiver that', () => {
  test.each([
    ['never answers', { kind: 'hang' }],
    ['drips its headers', { kind: 'drip_headers', intervalMs: 20 }],
  ] as const)('%s costs the deadline and no socket', async (_name, behaviour) => {
    simulator.receiver.behave({ ...behaviour, path: `/${behaviour.kind}` })
    const { answer, tookMs } = await timed(() => send(call(`/${behaviour.kind}`)))
    expect(answer).toMatchObject({ kind: 'failed', error: 'timeout' })
    expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 5)
    expect(tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS)
    await expect.poll(openSockets).toBe(0)
  })

  test.each([
    ['drips its body', { kind: 'drip_body', intervalMs: 20 }],
    ['never ends its body', { kind: 'never_closing' }],
  ] as const)('answers 200 and %s has answered, and is left at the deadline', async (_name, behaviour) => {
    simulator.receiver.behave({ ...behaviour, path: `/${behaviour.kind}` })
    const { answer, tookMs } = await timed(() => send(call(`/${behaviour.kind}`)))
    expect(answer).toMatchObject({ kind: 'answered', status: 200 })
    expect(tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS)
    await expect.poll(openSockets).toBe(0)
  })

  test('answers 200 and never ends its body holds a socket for a second, not until the deadline', async () => {
    const patient = createWebhookSender({ agent, policy: policyAllowing('127.0.0.0/8'), timeoutMs: 10_000 })
    simulator.receiver.behave({ kind: 'drip_body', intervalMs: 20, path: '/slow' })
    const { answer, tookMs } = await timed(() => patient(call('/slow')))
    expect(answer).toMatchObject({ kind: 'answered', status: 200 })
    expect(tookMs).toBeLessThan(1_000 + SLACK_MS)
  })

  test('answers with a gigabyte has answered: what lies beyond 4 KB is not read', async () => {
    simulator.receiver.behave({ kind: 'huge_body', bytes: 1e9, status: 503, path: '/huge' })
    const { answer, tookMs } = await timed(() => send(call('/huge')))
    expect(answer).toMatchObject({ kind: 'answered', status: 503 })
    expect(tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS)
    await expect.poll(openSockets).toBe(0)
  })

  test.each(['http://10.0.0.1/hook', 'http://169.254.169.254/latest/meta-data/', '/elsewhere'])(
    'redirects to %s is not followed',
    async (location) => {
      simulator.receiver.behave({ kind: 'answer', status: 307, headers: { location }, path: '/moved' })
      expect(await send(call('/moved'))).toMatchObject({ kind: 'answered', status: 307 })
      expect(simulator.receiver.deliveries('/elsewhere')).toEqual([])
    },
  )

  test('tells why in its answer is quoted: a kilobyte of text at most, without control characters', async () => {
    const body = `no\u0000such\u001b[31m route ${'é'.repeat(2_000)}`
    simulator.receiver.behave({ kind: 'answer', status: 404, body, path: '/why' })
    const answer = await send(call('/why'))
    const text = answer.kind === 'answered' ? answer.text : ''
    expect(text).toMatch(/^no such \[31m route é+$/)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024)
  })

  test('answers 410 is told apart', async () => {
    simulator.receiver.behave({ kind: 'answer', status: 410, path: '/gone' })
    expect(await send(call('/gone'))).toMatchObject({ kind: 'answered', status: 410 })
  })

  test.each([
    ['120', 120_000],
    ['0', 1_000],
    ['99999999', 7 * 86_400_000],
    ['soon', undefined],
    ['-5', undefined],
  ])('asks with Retry-After %s is heard', async (value, retryAfterMs) => {
    const path = `/busy-${value}`
    simulator.receiver.behave({ kind: 'answer', status: 429, headers: { 'retry-after': value }, path })
    expect(await send(call(path))).toMatchObject({ kind: 'answered', status: 429, retryAfterMs })
  })

  test.each(['reset_before_reading', 'reset_after_reading'] as const)(
    'cuts the line (%s) has not answered',
    async (kind) => {
      simulator.receiver.behave({ kind, path: `/${kind}` })
      expect(await send(call(`/${kind}`))).toMatchObject({ kind: 'failed', error: 'reset' })
    },
  )

  test('cuts the line after its status has answered', async () => {
    simulator.receiver.behave({ kind: 'reset_after_status', path: '/cut' })
    expect(await send(call('/cut'))).toMatchObject({ kind: 'answered', status: 200 })
  })
})

test('an address that may not be called is blocked for good; one that nobody listens on may come back', async () => {
  const policy = policyAllowing('')
  const guarded = createGuardedAgent(policy, limits)
  const strict = createWebhookSender({ agent: guarded, policy, timeoutMs: TIMEOUT_MS })
  for (const url of [
    'https://10.0.0.1/hook',
    'http://hooks.example.com/',
    'https://localhost/hook',
    'ftp://x.example',
  ]) {
    expect(await strict(call('', { url }))).toMatchObject({ kind: 'blocked' })
  }
  await guarded.destroy()
  expect(await send(call('', { url: 'http://127.0.0.1:9/hook' }))).toMatchObject({ kind: 'failed', error: 'connect' })
})
