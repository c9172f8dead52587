import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fetch as undiciFetch } from 'undici'
import { describe, expect, test } from 'vitest'
import { readCapped } from './body.ts'
import { parseCidrs } from './cidr.ts'
import { createCaller, LOOPBACK, LOOPBACK_POLICY, OPEN_POLICY } from './egress-fixture.ts'
import { OK, startLoopbackServer } from './loopback-server.ts'

describe('without an operator range', () => {
  test('localhost is refused without asking any resolver', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    const asked: string[] = []
    const resolve = async (name: string) => {
      asked.push(name)
      return ['127.0.0.1']
    }
    await using caller = createCaller(OPEN_POLICY, { resolve })
    const answer = caller.agent.request({ origin: `http://localhost:${server.port}`, path: '/', method: 'GET' })
    await expect(answer).rejects.toMatchObject({ code: 'blocked' })
    expect([asked, server.heads]).toEqual([[], []])
  })

  test('a redirect from a reachable name to a loopback literal is not followed there, by fetch either', async () => {
    await using inner = await startLoopbackServer((socket) => socket.write(OK), '127.0.0.2')
    const location = `http://127.0.0.2:${inner.port}/`
    const redirect = `HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`
    await using outer = await startLoopbackServer((socket) => socket.write(redirect))
    const policy = { ...OPEN_POLICY, allow: parseCidrs('127.0.0.1') }
    await using caller = createCaller(policy, { resolve: async () => ['127.0.0.1'] })
    const url = `http://media.example:${outer.port}/`
    await expect(undiciFetch(url, { dispatcher: caller.agent })).rejects.toThrow()
    await expect(caller.call(url, { maxRedirects: 3 })).rejects.toMatchObject({ code: 'blocked' })
    expect([outer.heads.length, inner.heads.length]).toEqual([2, 0])
  })
})

describe('with the operator range 127.0.0.0/8', () => {
  test('http, any port and localhost are reachable, and the Host header keeps the name', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller({ ...LOOPBACK_POLICY, ports: new Set([443]) })
    const { statusCode, body } = await caller.call(`http://localhost:${server.port}/a?b=1#c`)
    expect([statusCode, String(await readCapped(body, 10))]).toEqual([200, 'ok'])
    expect(server.heads[0]).toMatch(/^GET \/a\?b=1 HTTP\/1.1\r\n/)
    expect(server.heads[0]).toContain(`host: localhost:${server.port}`)
  })

  test('a single-label service name resolves by the given resolver and is reached', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(LOOPBACK_POLICY, { resolve: async () => ['127.0.0.1'] })
    const { body } = await caller.call(`http://simulator:${server.port}/`)
    expect(String(await readCapped(body, 10))).toBe('ok')
  })

  test('a public host still needs https and a listed port', async () => {
    const policy = { ...LOOPBACK_POLICY, ports: new Set([443]) }
    await using caller = createCaller(policy, { resolve: async () => ['93.184.215.14'] })
    for (const url of ['http://media.example/', 'https://media.example:6379/', 'https://simulator/']) {
      await expect(caller.call(url)).rejects.toMatchObject({ code: 'blocked', written: false })
    }
  })

  test('a denied range wins over an allowed one', async () => {
    await using caller = createCaller({ ...LOOPBACK_POLICY, deny: parseCidrs('127.0.0.9') })
    await expect(caller.call('http://127.0.0.9/')).rejects.toMatchObject({ code: 'blocked' })
  })

  test('the address that was checked is the one connected to, though the name answers otherwise later', async () => {
    await using first = await startLoopbackServer((socket) => socket.end(OK), '127.0.0.1')
    const answers = [['127.0.0.1'], ['10.9.9.9']]
    const resolve = async () => answers.shift() ?? []
    await using caller = createCaller({ ...OPEN_POLICY, allow: LOOPBACK }, { resolve })
    const { body } = await caller.call(`http://rebind.example:${first.port}/`)
    expect(String(await readCapped(body, 10))).toBe('ok')
    await expect
      .poll(() =>
        caller.call(`http://rebind.example:${first.port}/`).then(
          () => 'reached',
          (error) => error.code,
        ),
      )
      .toBe('blocked')
    expect(first.heads).toHaveLength(1)
  })

  test('a dead address is passed over for the next one of the same name', async () => {
    await using server = await startLoopbackServer((socket) => socket.write(OK))
    await using caller = createCaller(LOOPBACK_POLICY, { resolve: async () => ['127.0.0.77', '127.0.0.1'] })
    const { body } = await caller.call(`http://media.example:${server.port}/`)
    expect(String(await readCapped(body, 10))).toBe('ok')
  })
})

test('what the operator named himself is reached at its socket, and only there', async () => {
  await using server = await startLoopbackServer((socket) => socket.write(OK))
  const trusted = [{ protocol: 'http:', hostname: 'localhost', port: server.port }]
  await using caller = createCaller({ ...OPEN_POLICY, allowHttp: false, trusted })
  const { body } = await caller.call(`http://localhost:${server.port}/v1`)
  expect(String(await readCapped(body, 10))).toBe('ok')
  for (const origin of [`http://127.0.0.1:${server.port}`, `https://localhost:${server.port}`, 'http://localhost:9']) {
    const answer = caller.agent.request({ origin, path: '/', method: 'GET' })
    await expect(answer).rejects.toMatchObject({ code: 'blocked' })
  }
  expect(server.heads).toHaveLength(1)
})

test('one bad address refuses the whole name: the good ones beside it are not called either', async () => {
  await using server = await startLoopbackServer((socket) => socket.write(OK))
  // What an operator allowed stands for a public host: it is there, and would answer.
  const policy = { ...OPEN_POLICY, allow: parseCidrs('127.0.0.1') }
  for (const bad of ['10.0.0.5', '169.254.169.254', '127.0.0.2', '::1', '::ffff:10.0.0.5', 'fd00::1']) {
    for (const answer of [
      ['127.0.0.1', bad],
      [bad, '127.0.0.1'],
    ]) {
      await using caller = createCaller(policy, { resolve: async () => answer })
      const call = caller.call(`http://mixed.example:${server.port}/`)
      await expect(call, answer.join()).rejects.toMatchObject({ code: 'blocked', written: false })
    }
  }
  expect([server.heads, server.sockets.size]).toEqual([[], 0])
  await using caller = createCaller(policy, { resolve: async () => ['127.0.0.1', '127.0.0.1'] })
  expect((await caller.call(`http://mixed.example:${server.port}/`)).statusCode).toBe(200)
})

describe('names that do not resolve', () => {
  test('no answer, a failing resolver and a silent one are all `dns`, with nothing written', async () => {
    const resolvers = [
      async () => [],
      async () => Promise.reject(new Error('SERVFAIL 10.0.0.53')),
      () => new Promise<string[]>(() => {}),
    ]
    for (const resolve of resolvers) {
      await using caller = createCaller(OPEN_POLICY, { resolve, dnsTimeoutMs: 50 })
      const failure = await caller.call('http://media.example/').catch((error) => error)
      expect(failure).toMatchObject({ code: 'dns', written: false })
      expect(failure.message).not.toContain('10.0.0.53')
    }
  })
})

test('a refused connection is `connect`, with nothing written and no address in the message', async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  // A listening TCP server has an AddressInfo.
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow()
  await using caller = createCaller(LOOPBACK_POLICY, { resolve: async () => ['127.0.0.1'] })
  const failure = await caller.call(`http://media.example:${port}/`).catch((error) => error)
  expect(failure).toMatchObject({ code: 'connect', written: false })
  expect(failure.message).not.toMatch(/127|\d{4}/)
})
