import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { limitBytes, readCapped } from './body.ts'
import { classifyNetworkError } from './classify-network-error.ts'
import { createCaller, LOOPBACK_POLICY } from './egress-fixture.ts'
import { startLoopbackServer } from './loopback-server.ts'

const chunks = (...sizes: number[]) => Readable.from(sizes.map((size) => Buffer.alloc(size)))

test('limitBytes passes a body of exactly the cap and fails beyond it, closing the source', async () => {
  let bytes = 0
  for await (const chunk of limitBytes(chunks(4, 6), 10)) bytes += chunk.byteLength
  expect(bytes).toBe(10)
  const source = chunks(4, 6, 1)
  await expect(readCapped(limitBytes(source, 10), 100)).rejects.toMatchObject({ code: 'too_large' })
  expect(source.destroyed).toBe(true)
})

test('readCapped returns the first bytes of an endless answer and destroys its socket', async () => {
  await using server = await startLoopbackServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    const more = () => {
      while (!socket.destroyed && socket.write(`1000\r\n${'a'.repeat(4096)}\r\n`));
    }
    socket.on('drain', more)
    more()
  })
  await using caller = createCaller(LOOPBACK_POLICY)
  const { body } = await caller.call(`http://127.0.0.1:${server.port}/`)
  expect((await readCapped(body, 1_000)).length).toBe(1_000)
  await expect.poll(() => server.sockets.size).toBe(0)
})

test.each([
  ['ECONNREFUSED', { code: 'connect', written: false }],
  ['ENOTFOUND', { code: 'dns', written: false }],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', { code: 'tls', written: false }],
  ['UND_ERR_SOCKET', { code: 'reset', written: 'unknown' }],
  ['UND_ERR_HEADERS_TIMEOUT', { code: 'timeout', written: 'unknown' }],
  ['HPE_INVALID_CONSTANT', { code: 'protocol', written: true }],
  ['EWHATEVER', { code: 'unknown', written: 'unknown' }],
])('classifyNetworkError knows %s, directly and as a cause', (code, expected) => {
  const error = Object.assign(new Error('failed'), { code })
  expect(classifyNetworkError(error)).toEqual(expected)
  expect(classifyNetworkError(new TypeError('fetch failed', { cause: error }))).toEqual(expected)
})

test("classifyNetworkError tells a caller's abort from a timeout", () => {
  const abort = new DOMException('stop', 'AbortError')
  const timeout = new DOMException('late', 'TimeoutError')
  expect([classifyNetworkError(abort).code, classifyNetworkError(timeout).code]).toEqual(['aborted', 'timeout'])
})
