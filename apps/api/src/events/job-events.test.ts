import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type JobRecord, jobSign } from '@genqueue/jobs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { EventStream } from './event-stream.ts'
import { JobEvents } from './job-events.ts'
import { QUEUED } from './job-record-fixture.ts'
import { JobWatches } from './job-watches.ts'

const ENDED: JobRecord = { ...QUEUED, status: 'canceled' }

/** A server of sockets that are handed over, and clients that read, or do not. */
async function openServer(answer: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume()
    answer(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no TCP port')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return async () => {
    const socket = connect(address.port, '127.0.0.1')
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
}

function openEvents(parts: Partial<ConstructorParameters<typeof JobEvents>[0]> = {}) {
  let job: JobRecord = QUEUED
  let reads = 0
  const watches = new JobWatches({
    async get() {
      reads += 1
      return job
    },
    signs: async (ids) => ids.map(() => jobSign(job)),
  })
  const closing = new AbortController()
  const events = new JobEvents({ watches, publicUrl: 'https://queue.example', closing: closing.signal, ...parts })
  const become = (next: JobRecord) => {
    job = next
    watches.heard(job.id)
  }
  return { events, watches, become, reads: () => reads }
}

test('a hundred who follow a job cost few reads, and nothing is left of those who leave or were told its end', async () => {
  const { events, watches, become, reads } = openEvents()
  const open = await openServer((socket) => events.open(socket, QUEUED))
  const sockets = await Promise.all(Array.from({ length: 100 }, open))
  await vi.waitFor(() => expect(events.size).toBe(100))
  expect(watches.size).toBe(1)
  for (const socket of sockets.slice(0, 50)) socket.destroy()
  await vi.waitFor(() => expect(events.size).toBe(50))
  const readsBefore = reads()
  become(ENDED)
  await vi.waitFor(() => expect(events.size).toBe(0))
  expect(reads() - readsBefore).toBe(1)
  expect(watches.size).toBe(0)
})

test('a stream shows that it lives, gives no more places than there are, and ends after an hour', async () => {
  let nowMs = 0
  const { events } = openEvents({ heartbeatMs: 60, maxStreams: 1, now: () => nowMs })
  const open = await openServer((socket) => events.open(socket, QUEUED))
  const socket = await open()
  let text = ''
  socket.on('data', (piece) => {
    text += piece
  })
  await vi.waitFor(() => expect(text).toMatch(/: here\n\n[\s\S]*: here\n\n/))
  expect(events.isFull).toBe(true)
  nowMs = 3_600_001
  await vi.waitFor(() => expect(text).toContain(': come back\n\n'))
  await vi.waitFor(() => expect(events.isFull).toBe(false))
})

test('a client that does not read is cut off before its share of memory grows', async () => {
  const closed = Promise.withResolvers<number>()
  const open = await openServer((outgoing) => {
    let written = 0
    const stream = new EventStream(outgoing, () => closed.resolve(written))
    const text = 'x'.repeat(10_000)
    const write = () => {
      if (!stream.isOpen || written > 100_000_000) return
      written += text.length
      stream.write(text)
      expect(outgoing.writableLength).toBeLessThan(100_000)
      setImmediate(write)
    }
    write()
  })
  const socket = await open()
  socket.pause()
  socket.on('error', () => undefined)
  expect(await closed.promise).toBeLessThan(100_000_000)
})

test('a client that does not take the end either is cut off at the next sign of life', async () => {
  const { events, become } = openEvents({ heartbeatMs: 60 })
  const open = await openServer((socket) => {
    while (socket.writableLength === 0) socket.write('x'.repeat(10_000))
    events.open(socket, QUEUED)
  })
  const socket = await open()
  socket.pause()
  await vi.waitFor(() => expect(events.size).toBe(1))
  become(ENDED)
  await vi.waitFor(() => expect(events.size).toBe(0))
})
