import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { verifyWebhook } from '@genqueue/contract'
import type { Delivery } from '@genqueue/jobs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSignedCertificate } from '../../../scripts/self-signed-certificate.ts'
import { type RawReceiver, respond, startReceiver } from './receiver-fixture.ts'
import { openSending, SECRET, type Sending } from './sender-fixture.ts'
import type { WebhookCall } from './stages/notify.ts'
import { createWebhookSender } from './webhook-sender.ts'

const TIMEOUT_MS = 5_000
/** For those that do not answer at all. */
const HASTY_MS = 300
/** Of a body that does not end. */
const READ_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const drip = (socket: Socket, byte: string) => {
  const timer = setInterval(() => socket.write(byte), 20)
  socket.on('close', () => clearInterval(timer))
}
const pour = (socket: Socket): void => {
  const block = Buffer.alloc(65_536, 0x2e)
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('drain', more)
  more()
}

/** Receivers that speak TLS are called at `localhost`. All but `unknown` are of an issuer that is trusted. */
const CERTIFICATES = {
  good: selfSignedCertificate('localhost'),
  misnamed: selfSignedCertificate('elsewhere.example'),
  expired: selfSignedCertificate('localhost', { isExpired: true }),
  unknown: selfSignedCertificate('localhost'),
}
const { unknown: _, ...TRUSTED } = CERTIFICATES

type Row = {
  answer: (socket: Socket) => void
  /** What each attempt is noted as: a status, or an error class. */
  noted: number | string
  /** `pending`: tried again, ten times in all. */
  after: 'delivered' | 'gone' | 'pending' | 'blocked'
  /** The first wait, where it is not the schedule's 5 s. */
  firstWaitMs?: readonly [number, number]
  url?: (receiver: RawReceiver) => string
  certificate?: keyof typeof CERTIFICATES
}
const says = (status: number, headers?: Record<string, string>) => (socket: Socket) =>
  void socket.write(respond(status, headers))
const inAnHour = () => new Date(Date.now() + HOUR_MS).toUTCString()

/** Rows 44 to 46 of the faults: what a receiver does, and what becomes of the delivery. */
const ROWS: Readonly<Record<string, Row>> = {
  '200': { answer: says(200), noted: 200, after: 'delivered' },
  '204': { answer: (socket) => void socket.write('HTTP/1.1 204 x\r\n\r\n'), noted: 204, after: 'delivered' },
  '301': { answer: says(301, { location: '/elsewhere' }), noted: 301, after: 'pending' },
  '307 to a private address': { answer: says(307, { location: 'http://10.0.0.1/' }), noted: 307, after: 'pending' },
  ...Object.fromEntries(
    [400, 401, 404, 408, 413, 425, 429, 500, 501, 502, 503, 504].map((status) => [
      String(status),
      { answer: says(status), noted: status, after: 'pending' as const },
    ]),
  ),
  '410': { answer: says(410), noted: 410, after: 'gone' },
  '429, in 120 s': {
    answer: says(429, { 'retry-after': '120' }),
    noted: 429,
    after: 'pending',
    firstWaitMs: [119_000, 121_000],
  },
  '503, at a date': {
    answer: (socket) => says(503, { 'retry-after': inAnHour() })(socket),
    noted: 503,
    after: 'pending',
    firstWaitMs: [HOUR_MS - 3_000, HOUR_MS + 3_000],
  },
  '429, nonsense': { answer: says(429, { 'retry-after': 'soon' }), noted: 429, after: 'pending' },
  '429, in a year': {
    answer: says(429, { 'retry-after': '31536000' }),
    noted: 429,
    after: 'pending',
    firstWaitMs: [DAY_MS - 1_000, DAY_MS + 1_000],
  },
  '404, in an hour: not a status that may ask': {
    answer: says(404, { 'retry-after': '3600' }),
    noted: 404,
    after: 'pending',
  },
  'reset before an answer': { answer: (socket) => socket.resetAndDestroy(), noted: 'reset', after: 'pending' },
  '200, then reset': {
    answer: (socket) => {
      socket.write('HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nhalf', () =>
        setImmediate(() => socket.resetAndDestroy()),
      )
    },
    noted: 200,
    after: 'delivered',
  },
  'no HTTP': { answer: (socket) => void socket.end('220 smtp.example ESMTP\r\n'), noted: 'protocol', after: 'pending' },
  TLS: { answer: says(204), noted: 204, after: 'delivered', certificate: 'good' },
  'TLS, 200, then cut off': {
    answer: (socket) => {
      socket.write('HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nhalf', () => setImmediate(() => socket.destroy()))
    },
    noted: 200,
    after: 'delivered',
    certificate: 'good',
  },
  'a certificate of an unknown issuer': { answer: says(200), noted: 'tls', after: 'pending', certificate: 'unknown' },
  'a certificate for another name': { answer: says(200), noted: 'tls', after: 'pending', certificate: 'misnamed' },
  'a certificate that has expired': { answer: says(200), noted: 'tls', after: 'pending', certificate: 'expired' },
  'a handshake cut off': {
    answer: () => {},
    noted: 'tls',
    after: 'pending',
    url: () => cutting.url,
  },
  'no TLS where it should be': {
    answer: () => {},
    noted: 'tls',
    after: 'pending',
    url: ({ url }) => url.replace('http:', 'https:'),
  },
  'nobody listens': { answer: () => {}, noted: 'connect', after: 'pending', url: () => 'http://127.0.0.1:9/hook' },
  'a private address': { answer: () => {}, noted: 'blocked', after: 'blocked', url: () => 'https://10.0.0.1/hook' },
  'never answers': { answer: () => {}, noted: 'timeout', after: 'pending' },
  'header drip': {
    answer: (socket) => {
      socket.write('HTTP/1.1 200 x\r\nx-drip: ')
      drip(socket, '.')
    },
    noted: 'timeout',
    after: 'pending',
  },
  'body drip': {
    answer: (socket) => {
      socket.write('HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\n')
      drip(socket, '.')
    },
    noted: 200,
    after: 'delivered',
  },
  '1 GB body': {
    answer: (socket) => {
      socket.write('HTTP/1.1 503 x\r\ncontent-length: 1000000000\r\n\r\n')
      pour(socket)
    },
    noted: 503,
    after: 'pending',
  },
  'never closing': {
    answer: (socket) => void socket.write('HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhere\r\n'),
    noted: 200,
    after: 'delivered',
  },
}

let sending: Sending
let cutting: { url: string; close(): void }
beforeAll(async () => {
  const ca = Object.values(TRUSTED).map(({ cert }) => cert)
  ;[sending, cutting] = await Promise.all([openSending({ timeoutMs: TIMEOUT_MS, ca: ca.join('') }), startCutting()])
})
afterAll(async () => {
  cutting.close()
  await sending.close()
})

test('every kind of receiver gets what the table says: from its first attempt to the tenth, three days later', async () => {
  const cases = await Promise.all(
    Object.entries(ROWS).map(async ([name, row]) => {
      const receiver = await startReceiver(row.answer, row.certificate && CERTIFICATES[row.certificate])
      const url = row.url?.(receiver) ?? receiver.url
      return { name, row, receiver, jobId: await sending.endJob(url) }
    }),
  )
  const read = async () => {
    const found = await Promise.all(cases.map(async ({ jobId }) => (await deliveriesOf(jobId))[0]))
    return found.map((delivery, index) => ({ ...cases[index], delivery }))
  }
  const { agent, policy } = sending
  const patiently = createWebhookSender({ agent, policy, timeoutMs: TIMEOUT_MS })
  const hastily = createWebhookSender({ agent, policy, timeoutMs: HASTY_MS })
  const silent = new Set(cases.flatMap(({ row, receiver }) => (row.noted === 'timeout' ? [receiver.url] : [])))
  const send = (call: WebhookCall) => (silent.has(call.url) ? hastily : patiently)(call)
  const memoryBefore = process.memoryUsage().rss
  let offsetMs = 0
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    const before = await read()
    const pending = before.filter(({ delivery }) => delivery?.status === 'pending').length
    const sender = sending.sender({ clockOffsetMs: offsetMs, send })
    sender.start()
    const isTried = async () => {
      const now = await read()
      return now.filter(({ delivery }, index) => delivery?.attempts !== before[index]?.delivery?.attempts).length
    }
    await expect.poll(isTried, { timeout: 10_000, interval: 20 }).toBe(pending)
    await sender.stop()
    if (attempt === 1) {
      for (const { name, row, delivery } of await read()) {
        expect(delivery?.status, name).toBe(row?.after)
        if (row?.after === 'pending') expectFirstWait(name ?? '', delivery, row.firstWaitMs ?? [4_000, 6_000])
      }
    }
    // Whatever was asked for has passed by then.
    offsetMs += 2 * DAY_MS
  }

  for (const { name, row, receiver, delivery } of await read()) {
    const tries = row?.after === 'pending' ? 10 : 1
    expect(delivery?.status, name).toBe(row?.after === 'pending' ? 'exhausted' : row?.after)
    const noted = delivery?.log.map(({ status, error }) => status ?? error)
    expect(noted, name).toEqual(Array.from({ length: tries }, () => row?.noted))
    expectSameBytes(receiver?.calls ?? [], delivery)
    if (row?.noted === 'tls') {
      expect(receiver?.calls, `${name}: nothing is sent`).toEqual([])
      expect(new Set(delivery?.log.flatMap((entry) => Object.keys(entry))), name).toEqual(ATTEMPT_WITHOUT_ANSWER)
    }
    for (const { durationMs } of delivery?.log ?? []) expect(durationMs, name).toBeLessThan(READ_MS + 2_000)
    expect(
      receiver?.calls.filter(({ path }) => path !== '/hook'),
      `${name}: no redirect is followed`,
    ).toEqual([])
  }
  await expect.poll(() => cases.reduce((sum, { receiver }) => sum + receiver.sockets.size, 0)).toBeLessThanOrEqual(20)
  expect(process.memoryUsage().rss - memoryBefore, 'a gigabyte is not read').toBeLessThan(200e6)
  await Promise.all(cases.map(({ receiver }) => receiver.close()))
}, 30_000)

/** What the log tells of an attempt that brought no answer: when, how long, the class, and what signed it. */
const ATTEMPT_WITHOUT_ANSWER = new Set(['atMs', 'durationMs', 'error', 'nextAtMs', 'signature'])

/** A server that takes the first bytes of a handshake and hangs up. */
async function startCutting() {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.resetAndDestroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
  return { url: `https://localhost:${port}/hook`, close: () => server.close() }
}

async function deliveriesOf(jobId: string): Promise<Delivery[]> {
  return sending.outbox.listForJob(jobId as Parameters<typeof sending.outbox.listForJob>[0]) // made by the queue itself
}

function expectFirstWait(name: string, delivery: Delivery | undefined, [least, most]: readonly [number, number]): void {
  const first = delivery?.log[0]
  const waitMs = (first?.nextAtMs ?? 0) - (first?.atMs ?? 0) - (first?.durationMs ?? 0)
  expect(waitMs, name).toBeGreaterThanOrEqual(least)
  expect(waitMs, name).toBeLessThanOrEqual(most + 100)
}

function expectSameBytes(calls: RawReceiver['calls'], delivery: Delivery | undefined): void {
  const hash = (body: string) => createHash('sha256').update(body).digest('hex')
  const secret = `whsec_${SECRET.toString('base64')}`
  for (const [index, { headers, body }] of calls.entries()) {
    expect(hash(body)).toBe(hash(delivery?.body ?? ''))
    expect(headers.get('webhook-id')).toBe(delivery?.id)
    expect(headers.get('webhook-attempt')).toBe(String(index + 1))
    verifyWebhook({ headers, body, secret, nowMs: delivery?.log[index]?.atMs ?? 0 })
  }
}
