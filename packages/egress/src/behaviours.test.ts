import type { Socket } from 'node:net'
import { Agent } from 'undici'
import { describe, expect, test } from 'vitest'
import { readCapped } from './body.ts'
import { createCaller, LOOPBACK_POLICY, OPEN_POLICY } from './egress-fixture.ts'
import { OK, startLoopbackServer } from './loopback-server.ts'

/** How undici behaves where it surprises, one row each: what reaches a server without the guard, and what with it. */
const ROUTES_IN: { row: string; host: string; answers?: readonly string[]; lookupGuard: 'asked' | 'skipped' }[] = [
  { row: 'localhost', host: 'localhost', lookupGuard: 'asked' },
  { row: 'a literal', host: '127.0.0.1', lookupGuard: 'skipped' },
  { row: 'a literal as one number', host: '2130706433', lookupGuard: 'skipped' },
  { row: 'a literal in hexadecimal', host: '0x7f000001', lookupGuard: 'skipped' },
  { row: 'a shortened literal', host: '127.1', lookupGuard: 'skipped' },
  { row: 'zero', host: '0', lookupGuard: 'skipped' },
  { row: 'a mapped literal', host: '[::ffff:7f00:1]', lookupGuard: 'skipped' },
  { row: 'IPv6 loopback', host: '[::1]', lookupGuard: 'skipped' },
  { row: 'the unspecified IPv6 address', host: '[::]', lookupGuard: 'skipped' },
  { row: 'a private answer', host: 'media.example', answers: ['127.0.0.1'], lookupGuard: 'asked' },
  {
    row: 'a private answer after a public one',
    host: 'media.example',
    answers: ['203.0.113.9', '127.0.0.1'],
    lookupGuard: 'asked',
  },
]

describe.each(ROUTES_IN)('$row ($host)', ({ host, answers = ['127.0.0.1'], lookupGuard }) => {
  test('is blocked before a socket exists: by the call and by the agent alone', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(OPEN_POLICY, { resolve: async () => answers })
    const url = new URL(`http://${host}:${server.port}/`)
    await expect(caller.call(url.href)).rejects.toMatchObject({ code: 'blocked', written: false })
    const direct = caller.agent.request({ origin: url.origin, path: '/', method: 'GET' })
    await expect(direct).rejects.toMatchObject({ code: 'blocked' })
    expect([server.heads, server.sockets.size]).toEqual([[], 0])
  })

  test(`would find a guard in the lookup alone ${lookupGuard}`, async () => {
    const asked: string[] = []
    const lookup = (name: string, _: unknown, done: (error: Error, address: string) => void) => {
      asked.push(name)
      done(new Error('refused by the lookup'), '')
    }
    const naive = new Agent({ connect: { lookup } })
    await naive
      .request({ origin: new URL(`http://${host}:9/`).origin, path: '/', method: 'GET' })
      .catch(() => undefined)
    await naive.destroy()
    expect(asked).toEqual(lookupGuard === 'asked' ? [host] : [])
  })
})

test('a built-in fetch fails closed when it is given our agent', async () => {
  await using server = await startLoopbackServer((socket) => socket.write(OK))
  await using caller = createCaller(OPEN_POLICY)
  const init: object = { dispatcher: caller.agent }
  await expect(fetch(`http://127.0.0.1:${server.port}/`, init)).rejects.toThrow()
  expect(server.heads).toEqual([])
})

type End = 'end' | 'hold' | 'drip'
const chunked = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(1_000)

/** What a hostile or broken server writes, what it does then, and what a caller is told of it. */
const ANSWERS: [row: string, bytes: string, then: End, told: string | RegExp][] = [
  ['headers that trickle end at the headers timeout', 'HTTP/1.1 200 OK\r\nx-slow: ', 'drip', 'timeout'],
  [
    'a body that trickles ends at the total deadline, which no idle timer would ever reach',
    'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n',
    'drip',
    'timeout',
  ],
  [
    'a content length beyond the body is an error and not a short body',
    'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort',
    'end',
    /UND_ERR_SOCKET|ECONNRESET/,
  ],
  [
    'chunks without an end are an error and not a short body',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n',
    'end',
    /UND_ERR_SOCKET|ECONNRESET/,
  ],
  [
    'a body that only ends with its connection is marked as unframed',
    'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmaybe all',
    'end',
    'unframed: maybe all',
  ],
  [
    'bytes beyond the content length are dropped',
    'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeepdrop',
    'hold',
    'framed: keep',
  ],
  [
    'a length and chunks together are refused',
    chunked('content-length: 5\r\ntransfer-encoding: chunked'),
    'hold',
    /protocol|UND_ERR_RES_CONTENT_LENGTH_MISMATCH/,
  ],
  [
    'two different lengths are refused',
    chunked('content-length: 5\r\ncontent-length: 6'),
    'hold',
    /protocol|UND_ERR_RES_CONTENT_LENGTH_MISMATCH/,
  ],
  ['a header of 100 KB is refused', `HTTP/1.1 200 OK\r\nx-big: ${'a'.repeat(100_000)}\r\n\r\n`, 'hold', 'too_large'],
  ['what is not HTTP is refused', 'SSH-2.0-OpenSSH_9.2\r\n', 'hold', 'protocol'],
  ['a thousand informational answers before the real one do no harm', hints + OK, 'hold', 'framed: ok'],
]

test.each(ANSWERS)('%s', async (_row, bytes, then, told) => {
  await using server = await startLoopbackServer((socket) => {
    socket.write(bytes)
    if (then === 'end') socket.end()
    if (then === 'drip') drip(socket)
  })
  await using caller = createCaller(LOOPBACK_POLICY, { idleTimeoutMs: 1_000 })
  const outcome = caller
    .call(`http://127.0.0.1:${server.port}/`, { headersTimeoutMs: 200, totalTimeoutMs: 300 })
    .then(async ({ body, isFramed }) => `${isFramed ? 'framed' : 'unframed'}: ${await readCapped(body, 1_000_000)}`)
  expect(await outcome.catch((error: { code: string }) => error.code)).toMatch(told)
  if (then !== 'hold') await expect.poll(() => server.sockets.size).toBe(0)
})

/** Writes one byte per interval for as long as the socket lives. */
function drip(socket: Socket) {
  const timer = setInterval(() => socket.write('a'), 20)
  socket.on('close', () => clearInterval(timer))
}
