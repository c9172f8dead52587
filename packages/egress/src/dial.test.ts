import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { selfSignedCertificate } from '../../../scripts/self-signed-certificate.ts'
import { readCapped } from './body.ts'
import { dial } from './dial.ts'
import { createCaller, LOOPBACK_POLICY } from './egress-fixture.ts'
import { OK, startLoopbackServer } from './loopback-server.ts'

const TO_LOOPBACK = { resolve: async () => ['127.0.0.1'] }

async function startTlsServer(name: string) {
  const { key, cert } = selfSignedCertificate(name)
  const seen: string[] = []
  const SNICallback = (servername: string, done: (error: null) => void) => {
    seen.push(servername)
    done(null)
  }
  const server = createServer({ key, cert, SNICallback, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end(OK))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on TCP answers with an AddressInfo.
  const { port } = server.address() as AddressInfo
  return { port, cert, seen, [Symbol.asyncDispose]: async () => void server.close() }
}

test('TLS goes to the pinned address with the name in SNI, and the certificate is checked for the name', async () => {
  await using server = await startTlsServer('media.example')
  await using caller = createCaller(LOOPBACK_POLICY, { ...TO_LOOPBACK, ca: server.cert })
  const { body } = await caller.call(`https://media.example:${server.port}/`)
  expect(String(await readCapped(body, 10))).toBe('ok')
  expect(server.seen).toEqual(['media.example'])
})

test.each([
  ['for another name', 'other.example', true],
  ['of an unknown issuer', 'media.example', false],
])('a certificate %s is `tls`, with nothing written', async (_case, name, isTrusted) => {
  await using server = await startTlsServer(name)
  await using caller = createCaller(LOOPBACK_POLICY, { ...TO_LOOPBACK, ...(isTrusted && { ca: server.cert }) })
  const failure = await caller.call(`https://media.example:${server.port}/`).catch((error) => error)
  expect(failure).toMatchObject({ code: 'tls', written: false })
  expect(failure.message).not.toMatch(/127|other/)
})

test('a server that speaks no TLS is `tls`', async () => {
  const plain = createTcpServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  // As above.
  const { port } = plain.address() as AddressInfo
  await using caller = createCaller(LOOPBACK_POLICY, TO_LOOPBACK)
  await expect(caller.call(`https://media.example:${port}/`)).rejects.toMatchObject({ code: 'tls', written: false })
  plain.close()
})

test('a handshake that never ends is `timeout` within the connect deadline', async () => {
  await using server = await startLoopbackServer(() => {})
  await using caller = createCaller(LOOPBACK_POLICY, { ...TO_LOOPBACK, connectTimeoutMs: 100 })
  const answer = caller.call(`https://media.example:${server.port}/`, { totalTimeoutMs: 20_000 })
  await expect(answer).rejects.toMatchObject({ code: 'timeout', written: false })
  await expect.poll(() => server.sockets.size).toBe(0)
})

test('a connection that leads elsewhere than to the checked address is closed before a byte is written', async () => {
  await using server = await startLoopbackServer((socket) => socket.write(OK))
  const target = { protocol: 'http:', hostname: 'media.example', port: server.port }
  // The kernel takes 0.0.0.0 to 127.0.0.1.
  const socket = dial({ target, addresses: ['0.0.0.0'], timeoutMs: 2_000 })
  await expect(socket).rejects.toMatchObject({ code: 'blocked', written: false })
  await expect.poll(() => server.sockets.size).toBe(0)
  expect(server.heads).toEqual([])
})
