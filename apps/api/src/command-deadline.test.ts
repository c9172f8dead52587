import { connect, createServer, type Socket } from 'node:net'
import { Secret } from '@genqueue/contract'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { openRedis } from './api-fixture.ts'
import { giveCommandsDeadline } from './command-deadline.ts'
import { createRedis } from './redis.ts'

function stallMs(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a process that stalled does not take that for a silent Redis', async () => {
  const server = await openRedis()
  const redis = createRedis(new Secret(server.url))
  onTestFinished(async () => {
    redis.disconnect()
    await server.stop()
  })
  await redis.connect()
  const answers = Promise.all(Array.from({ length: 1_000 }, (_, n) => redis.set(`key-${n}`, n)))
  await new Promise(setImmediate)
  stallMs(400)
  expect(new Set(await answers)).toEqual(new Set(['OK']))
})

test('what Redis does not answer in time is rejected, in time, and a late answer changes nothing', async () => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const redis = new Redis({ port, lazyConnect: true, enableReadyCheck: false, protocol: 2, retryStrategy: () => null })
  redis.on('error', () => {})
  giveCommandsDeadline(redis, { timeoutMs: 50, handshakeMs: 50, silenceMs: 1_000, checkMs: 5 })
  onTestFinished(() => {
    redis.disconnect()
    silent.close()
  })
  silent.on('connection', (socket) => setTimeout(() => socket.end('+LATE\r\n+LATE\r\n'), 120))
  const sentAtMs = performance.now()
  const outcomes = await Promise.allSettled([redis.get('a'), redis.get('b')])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(performance.now() - sentAtMs).toBeLessThan(110)
})

test('a Redis that is too slow for callers is let in all the same, to be used when it is faster', async () => {
  const server = await openRedis()
  let delayMs = 200
  const sockets = new Set<Socket>()
  const slow = createServer((socket) => {
    const behind = connect(server.port, '127.0.0.1')
    for (const each of [socket, behind]) sockets.add(each.on('error', () => {}))
    socket.pipe(behind)
    behind.on('data', (piece) => setTimeout(() => socket.write(piece), delayMs))
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const address = slow.address()
  const redis = createRedis(
    new Secret(`redis://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`),
  )
  onTestFinished(async () => {
    redis.disconnect()
    for (const socket of sockets) socket.destroy()
    slow.close()
    await server.stop()
  })
  redis.on('error', () => {})
  await redis.connect()
  await expect(redis.get('a')).rejects.toThrow('Command timed out')
  delayMs = 0
  await expect.poll(() => redis.set('a', 1).catch(() => 'late')).toBe('OK')
})
