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

describe('deadlines', () => {
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

  test.each([
    'Host',
    'content-length',
    'connection',
    'Transfer-Encoding',
    'upgrade',
    'proxy-authorization',
    'Accept-Encoding',
  ])('the header %s may not be set', async (name) => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(LOOPBACK_POLICY)
    await expect(caller.call(urlOf(server), { headers: { [name]: 'x' } })).rejects.toThrow(name)
    expect(server.heads).toEqual([])
  })

  test.each(['a\r\nx-forged: 1', 'na\u00efve', 'a\u0000b'])('the header value %j is not sent', async (value) => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(LOOPBACK_POLICY)
    await expect(caller.call(urlOf(server), { headers: { 'x-note': value } })).rejects.toThrow('x-note')
    expect(server.heads).toEqual([])
  })

  test('the proxy variables of the environment are not heeded: behind a proxy the guard could not see the peer', async () => {
    await using proxy = await startLoopbackServer((socket) => socket.write(OK))
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']
    for (const name of names) process.env[name] = urlOf(proxy)
    try {
      await using caller = createCaller(LOOPBACK_POLICY)
      await readCapped((await caller.call(urlOf(server))).body, 10)
    } finally {
      for (const name of names) delete process.env[name]
    }
    expect([proxy.heads.length, server.heads.length]).toEqual([0, 1])
  })

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
