import { Agent, request } from 'undici'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Receiver, startReceiver } from './receiver.ts'

let receiver: Receiver
let dispatcher: Agent

beforeEach(async () => {
  receiver = await startReceiver()
  dispatcher = new Agent()
})
afterEach(async () => {
  await dispatcher.destroy()
  await receiver.close()
})

const post = (path: string, body: string | Buffer = '{}', timeoutMs = 2_000) =>
  request(receiver.url + path, { method: 'POST', body, dispatcher, signal: AbortSignal.timeout(timeoutMs) })

test('a delivery is written down with its exact bytes, headers, path and time', async () => {
  const body = Buffer.from([0x7b, 0x00, 0xff, 0x0a, 0x7d])
  const before = Date.now()
  const { statusCode } = await request(`${receiver.url}/hook?a=1`, {
    method: 'POST',
    body,
    headers: { 'webhook-id': 'msg_1', 'X-Case': 'Kept' },
    dispatcher,
  })
  expect(statusCode).toBe(204)
  const [delivery] = receiver.deliveries('/hook?a=1')
  expect(delivery).toMatchObject({ method: 'POST', complete: true, body, headers: { 'webhook-id': 'msg_1' } })
  expect(delivery?.rawHeaders).toContain('X-Case')
  expect(delivery?.receivedAtMs).toBeGreaterThanOrEqual(before)
})

test('counted rules are used up in order, then the latest lasting rule holds', async () => {
  receiver.behave({ kind: 'answer', status: 500 })
  receiver.behave({ kind: 'answer', status: 200 })
  receiver.behave({ kind: 'answer', status: 503, headers: { 'retry-after': '7' }, times: 2 })
  receiver.behave({ kind: 'answer', status: 302, headers: { location: '/other' }, times: 1, path: '/moved' })
  const first = await post('/moved')
  expect([first.statusCode, first.headers['retry-after']]).toEqual([503, '7'])
  expect((await post('/moved')).statusCode).toBe(503)
  expect((await post('/moved')).headers.location).toBe('/other')
  expect((await post('/moved')).statusCode).toBe(200)
})

test('waitFor finds a delivery of the past and of the future, and says what came when none fits', async () => {
  const future = receiver.waitFor((_, all) => all.length === 2)
  await post('/one')
  await post('/two')
  expect((await future).path).toBe('/one')
  expect((await receiver.waitFor(({ path }) => path === '/two')).path).toBe('/two')
  const never = receiver.waitFor(() => false, { timeoutMs: 10 })
  await expect(never).rejects.toThrow('No fitting delivery within 10 ms; received: POST /one, POST /two')
})

test.each(['hang', 'drip_headers'] as const)('%s never completes its headers', async (kind) => {
  receiver.behave({ kind, intervalMs: 10 })
  await expect(post('/', '{}', 200)).rejects.toMatchObject({ name: 'TimeoutError' })
  expect(receiver.deliveries()).toHaveLength(1)
})

test.each(['drip_body', 'never_closing'] as const)('%s answers and never completes its body', async (kind) => {
  receiver.behave({ kind, intervalMs: 10 })
  const { statusCode, body } = await post('/', '{}', 200)
  expect(statusCode).toBe(200)
  await expect(body.text()).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('a huge body comes whole to a caller who reads it, and hurts nobody when the caller hangs up', async () => {
  receiver.behave({ kind: 'huge_body', bytes: 3_000_001 })
  expect((await (await post('/')).body.arrayBuffer()).byteLength).toBe(3_000_001)
  const { body } = await post('/')
  body.on('error', () => undefined).destroy()
  expect((await post('/')).statusCode).toBe(200)
})

test.each(['reset_before_reading', 'reset_after_reading'] as const)(
  '%s cuts the connection unanswered',
  async (kind) => {
    receiver.behave({ kind, times: 1 })
    await expect(post('/', 'payload')).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/),
    })
    const [delivery] = receiver.deliveries()
    expect(delivery?.complete).toBe(kind === 'reset_after_reading')
    expect(delivery?.body.toString()).toBe(kind === 'reset_after_reading' ? 'payload' : '')
    expect((await post('/')).statusCode).toBe(204)
  },
)

test('reset_after_status answers 200 and cuts the body', async () => {
  receiver.behave({ kind: 'reset_after_status' })
  const { statusCode, body } = await post('/')
  expect(statusCode).toBe(200)
  await expect(body.text()).rejects.toThrow()
})

test('a slow answer comes when its delay is over', async () => {
  receiver.behave({ kind: 'answer', status: 200, body: 'late', delayMs: 30 })
  const startedMs = performance.now()
  expect(await (await post('/')).body.text()).toBe('late')
  expect(performance.now() - startedMs).toBeGreaterThan(25)
})
