import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readCapped } from './body.ts'
import { createCaller, LOOPBACK_POLICY } from './egress-fixture.ts'
import { type LoopbackServer, OK, startLoopbackServer } from './loopback-server.ts'

const urlOf = ({ port }: LoopbackServer, path = '/') => `http://127.0.0.1:${port}${path}`
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'succeeded',
    (error: { code?: string }) => error.code,
  )

/** Writes one byte per interval for as long as the socket lives. */
function drip(socket: NodeJS.WritableStream & { on(event: 'close', listener: () => void): unknown }, text: string) {
  const timer = setInterval(() => socket.write(text), 20)
  socket.on('close', () => clearInterval(timer))
}

describe('deadlines', () => {
  test('headers that trickle end at the headers timeout', async () => {
    await using server = await startLoopbackServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
      drip(socket, 'a')
    })
    await using caller = createCaller(LOOPBACK_POLICY)
    const answer = caller.call(urlOf(server), { headersTimeoutMs: 200, totalTimeoutMs: 20_000 })
    await expect(answer).rejects.toMatchObject({ code: 'timeout', written: 'unknown' })
  })

  test('a body that trickles ends at the total deadline, which no idle timer would ever reach', async () => {
    await using server = await startLoopbackServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
      drip(socket, 'a')
    })
    await using caller = createCaller(LOOPBACK_POLICY, { idleTimeoutMs: 1_000 })
    const { statusCode, body } = await caller.call(urlOf(server), { totalTimeoutMs: 300 })
    expect(statusCode).toBe(200)
    await expect(readCapped(body, 1_000_000)).rejects.toMatchObject({ code: 'timeout' })
    await expect.poll(() => server.sockets.size).toBe(0)
  })

  test('a body that falls silent ends at the idle timeout', async () => {
    await using server = await startLoopbackServer((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\na'),
    )
    await using caller = createCaller(LOOPBACK_POLICY, { idleTimeoutMs: 200 })
    const { body } = await caller.call(urlOf(server), { totalTimeoutMs: 20_000 })
    expect(await codeOf(readCapped(body, 10))).toBe('UND_ERR_BODY_TIMEOUT')
  })

  test('a request that still waits for a socket ends at its deadline, and is never written', async () => {
    await using server = await startLoopbackServer(() => {})
    await using caller = createCaller(LOOPBACK_POLICY, { connections: 1 })
    const stop = new AbortController()
    const first = caller.call(urlOf(server, '/first'), { signal: stop.signal })
    await expect.poll(() => server.heads.length).toBe(1)
    const second = caller.call(urlOf(server, '/second'), { totalTimeoutMs: 100, method: 'POST', body: '{}' })
    await expect(second).rejects.toMatchObject({ code: 'timeout', written: false })
    stop.abort(new Error('the test is over'))
    await expect(first).rejects.toThrow('the test is over')
    const third = caller.call(urlOf(server, '/third'), { totalTimeoutMs: 300 })
    await expect(third).rejects.toMatchObject({ code: 'timeout', written: 'unknown' })
    expect(server.heads.map((head) => head.split(' ')[1])).toEqual(['/first', '/third'])
  })

  test('an answer read to its end keeps its socket for the next request', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(LOOPBACK_POLICY, { connections: 1 })
    for (const path of ['/1', '/2']) await readCapped((await caller.call(urlOf(server, path))).body, 10)
    expect([server.heads.length, server.sockets.size]).toEqual([2, 1])
  })
})

describe('answers that lie about their length', () => {
  const partial = async (text: string, end: boolean) => {
    const server = await startLoopbackServer((socket) => (end ? socket.end(text) : socket.write(text)))
    const caller = createCaller(LOOPBACK_POLICY)
    try {
      const { body, isFramed } = await caller.call(urlOf(server))
      return { isFramed, text: String(await readCapped(body, 1_000)) }
    } finally {
      await caller[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    }
  }

  test.each([
    ['a content length beyond the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort'],
    ['chunks without an end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n'],
  ])('%s is an error and not a short body', async (_name, text) => {
    expect(await codeOf(partial(text, true))).toMatch(/UND_ERR_SOCKET|ECONNRESET/)
  })

  test('a body that only ends with its connection is marked as unframed', async () => {
    const answer = await partial('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nmaybe all', true)
    expect(answer).toEqual({ isFramed: false, text: 'maybe all' })
  })

  test('bytes beyond the content length are dropped', async () => {
    const answer = await partial('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeepdrop', true)
    expect(answer).toEqual({ isFramed: true, text: 'keep' })
  })

  test.each([
    ['a length and chunks together', 'content-length: 5\r\ntransfer-encoding: chunked'],
    ['two different lengths', 'content-length: 5\r\ncontent-length: 6'],
  ])('%s are refused', async (_name, fields) => {
    const code = await codeOf(partial(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, false))
    expect(code).toMatch(/protocol|UND_ERR_RES_CONTENT_LENGTH_MISMATCH/)
  })

  test('a header of 100 KB is refused', async () => {
    const code = await codeOf(partial(`HTTP/1.1 200 OK\r\nx-big: ${'a'.repeat(100_000)}\r\n\r\n`, false))
    expect(code).toBe('too_large')
  })

  test('what is not HTTP is refused', async () => {
    expect(await codeOf(partial('SSH-2.0-OpenSSH_9.2\r\n', false))).toBe('protocol')
  })

  test('a thousand informational answers before the real one do no harm', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(1_000)
    expect(await partial(hints + OK, false)).toEqual({ isFramed: true, text: 'ok' })
  })
})

describe('what is sent', () => {
  test('identity encoding is asked for and a compressed answer is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000))
    await using server = await startLoopbackServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`)
      socket.write(bomb)
    })
    await using caller = createCaller(LOOPBACK_POLICY)
    const { body } = await caller.call(urlOf(server))
    expect((await readCapped(body, 10_000_000)).length).toBe(bomb.length)
    expect(server.heads[0]).toContain('accept-encoding: identity')
  })

  test.each(['Host', 'connection', 'Transfer-Encoding', 'upgrade', 'proxy-authorization', 'Accept-Encoding'])(
    'the header %s may not be set',
    async (name) => {
      await using server = await startLoopbackServer((socket) => socket.write(OK))
      await using caller = createCaller(LOOPBACK_POLICY)
      await expect(caller.call(urlOf(server), { headers: { [name]: 'x' } })).rejects.toThrow(name)
      expect(server.heads).toEqual([])
    },
  )

  test('a connection that breaks after the request was written leaves open whether it arrived', async () => {
    await using server = await startLoopbackServer((socket) => socket.resetAndDestroy())
    await using caller = createCaller(LOOPBACK_POLICY)
    const answer = caller.call(urlOf(server), { method: 'POST', body: '{}' })
    await expect(answer).rejects.toMatchObject({ code: 'reset', written: 'unknown' })
    expect(server.heads).toHaveLength(1)
  })

  test('a body stream that fails ends the call with its own error', async () => {
    await using server = await startLoopbackServer(() => {})
    await using caller = createCaller(LOOPBACK_POLICY)
    const body = Readable.from(
      (async function* () {
        yield Buffer.from('a')
        throw new Error('the source failed')
      })(),
    )
    await expect(caller.call(urlOf(server), { method: 'PUT', body })).rejects.toThrow('the source failed')
  })
})
