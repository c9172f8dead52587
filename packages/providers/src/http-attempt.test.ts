import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Secret } from '@genqueue/contract'
import { Agent, buildConnector } from 'undici'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { attemptHttp, type HttpAttempt } from './http-attempt.ts'

const opened: { close(): void }[] = []
afterEach(() => {
  for (const { close } of opened.splice(0)) close()
})

/** A server that only speaks what the test writes; `heard` is every byte it got, of all its connections. */
async function listen(onData: (socket: Socket) => void = () => {}) {
  const sockets = new Set<Socket>()
  const heard: string[] = []
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      heard.push(data.toString())
      onData(socket)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  opened.push({ close: () => [...sockets.values()].map((socket) => socket.destroy()) && server.close() })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: new URL(`http://127.0.0.1:${address.port}/v1/x?y=1`), heard, server }
}

function attempt(url: URL, options: Partial<HttpAttempt> & { agent?: Agent } = {}) {
  const dispatcher = options.agent ?? new Agent()
  opened.push({ close: () => void dispatcher.destroy() })
  return attemptHttp({
    dispatcher,
    method: 'POST',
    url,
    headers: {},
    body: '{}',
    signal: new AbortController().signal,
    timeoutMs: 20_000,
    maxResponseBytes: 1_000,
    op: 'submit',
    ...options,
  })
}

const answer = (head: string, body = '') => `HTTP/1.1 ${head}\r\n\r\n${body}`

it('an answer that repeats the key of the request is passed on without it', async () => {
  const { url } = await listen((socket) => socket.end(answer('401 No\r\nconnection: close', 'bad key key_0123456789!')))
  const outcome = await attempt(url, { secret: new Secret('key_0123456789') })
  expect(outcome).toMatchObject({ kind: 'answered', status: 401, text: 'bad key [key]!' })
})

describe('a request that certainly never left', () => {
  it('is one to a closed port', async () => {
    const { url, server } = await listen()
    server.close()
    expect(await attempt(url)).toEqual({ kind: 'failed', sent: false, detail: 'ECONNREFUSED' })
  })

  it('is one to a name that does not resolve', async () => {
    const notFound = Object.assign(new Error('nobody'), { code: 'ENOTFOUND' })
    const agent = new Agent({ connect: { lookup: (_name, _options, callback) => callback(notFound, []) } })
    const result = await attempt(new URL('http://vendor.example/'), { agent })
    expect(result).toEqual({ kind: 'failed', sent: false, detail: 'ENOTFOUND' })
  })

  it('is one whose TLS handshake is broken off, though the code is the one of any reset', async () => {
    const { url, heard } = await listen((socket) => socket.destroy())
    const result = await attempt(new URL(url.href.replace('http:', 'https:')), { body: '{"secret":1}' })
    expect(result).toMatchObject({ kind: 'failed', sent: false })
    expect(heard.join('')).not.toContain('secret')
  })

  it('is one given up while connecting: it answers at the deadline, and nothing is written afterwards', async () => {
    const { url, heard } = await listen()
    const connect = buildConnector({})
    const gate = Promise.withResolvers<void>()
    const connected = Promise.withResolvers<void>()
    const agent = new Agent({
      connect: (options, callback) =>
        void gate.promise.then(() =>
          connect(options, (...args) => {
            callback(...args)
            connected.resolve()
          }),
        ),
    })
    const result = await attempt(url, { agent, timeoutMs: 30 })
    expect(result).toEqual({ kind: 'failed', sent: false, detail: 'no answer within 30 ms' })
    gate.resolve()
    await connected.promise
    const second = await listen((socket) => socket.end(answer('204 No Content')))
    expect(await attempt(second.url)).toMatchObject({ status: 204 })
    expect(heard).toEqual([])
  })

  it('is one whose signal was aborted before', async () => {
    const { url, heard } = await listen()
    expect(await attempt(url, { signal: AbortSignal.abort() })).toMatchObject({ sent: false, detail: 'aborted' })
    expect(heard).toEqual([])
  })

  it('is one with a header that cannot be sent', async () => {
    const { url, heard } = await listen()
    expect(await attempt(url, { headers: { authorization: 'a\nb' } })).toMatchObject({ kind: 'failed', sent: false })
    expect(heard).toEqual([])
  })
})

describe('37, 38 a request that may have arrived', () => {
  it.each([
    ['the connection is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['the connection is closed without an answer', (socket: Socket) => socket.end()],
    ['the answer stops in its body', (socket: Socket) => socket.end(answer('200 OK\r\nContent-Length: 99', '{"id":'))],
    ['the answer is not HTTP', (socket: Socket) => socket.end('hello\r\n\r\n')],
  ])('is one where %s, and it is not repeated', async (_name, onData) => {
    const { url, heard } = await listen(onData)
    expect(await attempt(url)).toMatchObject({ kind: 'failed', sent: true })
    expect(heard.join('').match(/POST/g)).toHaveLength(1)
  })

  it('is one that is not answered in time, be it before or within the body', async () => {
    const silent = await listen()
    expect(await attempt(silent.url, { timeoutMs: 500 })).toMatchObject({ kind: 'failed', sent: true })
    const slow = await listen((socket) => socket.write(answer('200 OK\r\nContent-Length: 99', '{')))
    expect(await attempt(slow.url, { timeoutMs: 500 })).toMatchObject({ kind: 'failed', sent: true })
  })

  it('is one aborted after it was written', async () => {
    const { url, heard } = await listen()
    const controller = new AbortController()
    const result = attempt(url, { signal: controller.signal })
    await vi.waitFor(() => expect(heard).not.toEqual([]), 10_000)
    controller.abort()
    expect(await result).toEqual({ kind: 'failed', sent: true, detail: 'aborted' })
  })

  it('is one whose answer is larger than allowed', async () => {
    const { url } = await listen((socket) => socket.write(answer('200 OK\r\nContent-Length: 5000', 'x'.repeat(5_000))))
    expect(await attempt(url)).toMatchObject({
      kind: 'failed',
      sent: true,
      detail: 'the answer is larger than 1000 bytes',
    })
  })
})

it('an answer is given as it came: a redirect is not followed, an error is not thrown', async () => {
  const { url, heard } = await listen((socket) =>
    socket.end(answer('307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2', '{}')),
  )
  expect(await attempt(url)).toMatchObject({ kind: 'answered', status: 307, text: '{}' })
  expect(heard.join('')).toMatch(/^POST \/v1\/x\?y=1 HTTP\/1.1/)
})

it('a timer, a listener or an unhandled error is left behind by no attempt', async () => {
  const { url } = await listen((socket) => socket.end(answer('204 No Content')))
  const controller = new AbortController()
  const removed = vi.spyOn(controller.signal, 'removeEventListener')
  await attempt(url, { signal: controller.signal })
  expect(removed).toHaveBeenCalledWith('abort', expect.any(Function))
})
