import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGuardedAgent, type EgressPolicy, parseCidrs } from '@genqueue/egress'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { openStorage, type Storage } from '@genqueue/storage'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { copyOutput } from './copy-output.ts'

const MB = 1024 * 1024
const POLICY: EgressPolicy = { allowHttp: false, ports: 'any', allow: parseCidrs('127.0.0.0/8'), deny: [] }
/** The start of an MP4 whose media box says that it holds a terabyte. */
const HEAD = Buffer.concat([
  Buffer.from('\0\0\0\x10ftypisom\0\0\0\0', 'latin1'),
  Buffer.from('\0\0\0\x01mdat\0\0\x01\0\0\0\0\0', 'latin1'),
])

const FILM = { operation: 'text_to_video', kind: 'video' } as const

let simulator: Simulator
let storage: Storage
beforeAll(async () => {
  simulator = await startSimulator()
  const { store } = simulator
  process.env.AWS_ACCESS_KEY_ID = store.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = store.secretAccessKey
  storage = openStorage(`s3://${store.bucket}`, {
    s3Endpoint: store.url,
    forcePathStyle: true,
    region: store.region,
  })
})
afterAll(async () => {
  await storage.close()
  await simulator.close()
})

/** A host that answers every request in this way, and the copy of what it serves. */
async function copyFrom(
  serve: (response: ServerResponse) => void,
  limits: { maxBytes?: number; idleTimeoutMs?: number; signal?: AbortSignal } = {},
) {
  const server = createServer((_, response) => serve(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listening on TCP
  const { idleTimeoutMs, maxBytes = 20 * MB, signal = new AbortController().signal } = limits
  const agent = createGuardedAgent(POLICY, {
    dnsTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    keepAliveMs: 1_000,
    connections: 2,
    ...(idleTimeoutMs && { idleTimeoutMs }),
  })
  onTestFinished(async () => {
    await agent.destroy()
    server.closeAllConnections()
    server.close()
  })
  const source = { url: `http://127.0.0.1:${port}/a.mp4`, index: 0, keyWithoutExtension: 'copies/a', ...FILM }
  return copyOutput(source, { storage, agent, policy: POLICY, maxBytes, timeoutMs: 60_000 }, signal)
}

function nothingIsLeft(): void {
  expect(simulator.store.openUploads()).toEqual([])
  expect(simulator.store.objects()).toEqual([])
}

test('42 a film without end is refused at the limit, and hardly more of it is ever taken than that (I4, I9)', async () => {
  const block = Buffer.alloc(64 * 1024, 1)
  let sentBytes = 0
  const outcome = await copyFrom((response) => {
    response.writeHead(200, { 'content-type': 'video/mp4' })
    response.write(HEAD)
    const more = () => {
      while (!response.destroyed) {
        sentBytes += block.length
        if (!response.write(block)) {
          response.once('drain', more)
          return
        }
      }
    }
    more()
  })
  expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'output_too_large', kind: 'final' } })
  expect(sentBytes).toBeLessThan(40 * MB)
  nothingIsLeft()
})

test('40 a host that falls silent in the middle is left after the idle time, long before the total (I4)', async () => {
  const startedMs = performance.now()
  const outcome = await copyFrom(
    (response) => {
      response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': 10 * MB })
      response.write(Buffer.concat([HEAD, Buffer.alloc(6 * MB)]))
    },
    { idleTimeoutMs: 300 },
  )
  expect(outcome).toMatchObject({ kind: 'failed', failure: { code: 'output_unavailable', kind: 'transient' } })
  expect(performance.now() - startedMs).toBeLessThan(10_000)
  nothingIsLeft()
})

test('an abort ends the copy at once and leaves nothing behind', async () => {
  const stop = new AbortController()
  const copy = copyFrom(
    (response) => {
      response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': 10 * MB })
      response.write(Buffer.concat([HEAD, Buffer.alloc(6 * MB)]), () => stop.abort(new Error('stop')))
    },
    { signal: stop.signal },
  )
  await expect(copy).rejects.toThrow('stop')
  nothingIsLeft()
})

test.each([
  ['has no length and no chunks', { 'content-type': 'video/mp4', connection: 'close' }, 'output_invalid'],
  ['is a picture where a film was promised', { 'content-type': 'image/png' }, 'output_invalid'],
  ['is empty', { 'content-type': 'video/mp4', 'content-length': '0' }, 'empty_output'],
  ['says that it is too large', { 'content-type': 'video/mp4', 'content-length': String(21 * MB) }, 'output_too_large'],
])('an answer that %s is refused', async (_name, headers, code) => {
  const outcome = await copyFrom((response) => {
    const isUnframed = 'connection' in headers
    if (isUnframed) {
      // By hand: Node frames every answer it writes itself.
      response.socket?.end(
        `HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\nconnection: close\r\n\r\n${HEAD.toString('latin1')}`,
      )
      return
    }
    response.writeHead(200, headers)
    if ('content-length' in headers && headers['content-length'] !== '0') response.write(HEAD)
    else response.end('content-length' in headers ? undefined : HEAD)
  })
  expect(outcome).toMatchObject({ kind: 'failed', failure: { code } })
  nothingIsLeft()
})

test('what stood in the answer is copied as it is: a text of work with words, a picture by its bytes', async () => {
  const agent = createGuardedAgent(POLICY, { dnsTimeoutMs: 1, connectTimeoutMs: 1, keepAliveMs: 1, connections: 1 })
  onTestFinished(() => agent.destroy())
  const deps = { storage, agent, policy: POLICY, maxBytes: MB, timeoutMs: 1_000 }
  const copyInline = (url: string, origin: { operation: string; kind: 'text' | 'image' }) =>
    copyOutput({ url, index: 0, keyWithoutExtension: 'copies/inline', ...origin }, deps, AbortSignal.timeout(5_000))
  const caption = { operation: 'caption', kind: 'text' } as const
  const image = { operation: 'imageInference', kind: 'image' } as const
  const text = 'data:text/plain;charset=utf-8;base64,w7xiZXI='
  expect(await copyInline(text, caption)).toMatchObject({
    output: { key: 'copies/inline.txt', bytes: 5, contentType: 'text/plain' },
  })
  expect(await copyInline(text, image)).toMatchObject({ failure: { code: 'output_invalid', kind: 'final' } })
  expect(await copyInline('inline:', image)).toMatchObject({ failure: { code: 'output_expired', kind: 'expired' } })
  expect(await copyInline('data:image/png;base64,AAAA', image)).toMatchObject({ failure: { code: 'output_invalid' } })
  await storage.delete('copies/inline.txt')
})
