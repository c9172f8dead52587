import { once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ApiRequest, handOver } from './hand-over.ts'
import { toResponse } from './reply.ts'

const LONG = '/v1/jobs/job_1/events'

/** Streams at the long path; `/refused` there is refused, `/slow` is never answered, and all else is answered at once. */
async function openServer() {
  const streams: Socket[] = []
  const server = createServer({ IncomingMessage: ApiRequest, keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/slow') return
    if (request.url?.endsWith('?refused')) response.writeHead(503).end('refused\n')
    else if (request.url !== LONG) response.end('short\n')
    else toResponse({ status: 200, body: (socket) => streams.push(socket) }, 'req_1', {}, response)
  })
  const cut = handOver(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no TCP port')
  onTestFinished(async () => {
    cut()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const open = () => {
    const socket = connect(address.port, '127.0.0.1')
    const client = { socket, text: '', closed: once(socket, 'close') }
    socket
      .on('error', () => undefined)
      .on('data', (piece) => {
        client.text += piece
      })
    const ask = (path: string, lines = '') => socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n${lines}\r\n`)
    return { ...client, ask, text: () => client.text }
  }
  return { server, streams, cut, open }
}

test('a connection is used again until it is handed over, and then node:http knows no more of it', async () => {
  const { server, streams, cut, open } = await openServer()
  const client = open()
  client.ask('/v1/jobs', 'connection: upgrade\r\nupgrade: h2c\r\n')
  await expect.poll(client.text).toMatch(/200 OK[\s\S]*short\n/)
  client.ask(LONG)
  await expect.poll(() => streams.length).toBe(1)
  server.closeAllConnections()
  streams[0]?.write('still here\n')
  const streamed = () => client.text().split('short\n')[1]
  await expect.poll(streamed).toMatch(/^HTTP\/1.1 200 OK\r\n.*\r\nConnection: close\r\n\r\nstill here\n$/s)
  expect(streamed()).not.toContain('Transfer-Encoding')
  cut()
  await client.closed
})

test('a socket that node:http still reads is never taken', () => {
  const stream = { status: 200, body: () => undefined }
  const notHandedOver = new ServerResponse(new IncomingMessage(new Socket()))
  expect(() => toResponse(stream, 'req_1', {}, notHandedOver)).toThrow('handed over')
  expect(() => toResponse(stream, 'req_1', {})).toThrow('handed over')
})

test('a long request that is refused gets its answer and is closed', async () => {
  const { streams, open } = await openServer()
  const client = open()
  client.ask(`${LONG}?refused`)
  await client.closed
  expect(client.text()).toMatch(/^HTTP\/1.1 503 [\s\S]*connection: close[\s\S]*refused\n/i)
  expect(streams).toEqual([])
})

test('a long request that does not wait for the answer before it is cut off, never answered in its place', async () => {
  const { streams, open } = await openServer()
  const client = open()
  client.ask('/slow')
  client.ask(LONG)
  await client.closed
  expect(client.text()).toBe('')
  expect(streams).toEqual([])
})

test('a client that leaves is noticed, however it does', async () => {
  const { streams, open } = await openServer()
  const clients = [open(), open()]
  for (const client of clients) client.ask(LONG)
  await expect.poll(() => streams.length).toBe(2)
  clients[0]?.socket.end()
  clients[1]?.socket.resetAndDestroy()
  await vi.waitFor(() => expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true]))
})
