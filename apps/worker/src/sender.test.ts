import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { respond, startReceiver } from './receiver-fixture.ts'
import { openSending, type Sending } from './sender-fixture.ts'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'

const TAKEN: WebhookAnswer = { kind: 'answered', status: 204, text: '' }

let sending: Sending
beforeAll(async () => {
  sending = await openSending({ timeoutMs: 5_000 })
})
afterAll(() => sending.close())
beforeEach(async () => {
  await sending.redis.flushall()
})

test('200 receivers that never answer cost a socket each, and one that does gets its webhooks at once', async () => {
  const holes = await Promise.all(Array.from({ length: 200 }, () => startReceiver(() => {})))
  const healthy = await startReceiver((socket) => void socket.write(respond(204, {}, '')))
  await Promise.all(holes.flatMap(({ url }) => [sending.endJob(url), sending.endJob(url), sending.endJob(url)]))
  const sender = sending.sender({ concurrency: 256 })
  sender.start()
  const open = () => holes.reduce((sum, { sockets }) => sum + sockets.size, 0)
  await expect.poll(open).toBe(200)
  for (let n = 0; n < 5; n += 1) {
    const startedMs = performance.now()
    await sending.endJob(healthy.url)
    sender.wake()
    await expect.poll(() => healthy.calls.length, { interval: 2 }).toBe(n + 1)
    expect(performance.now() - startedMs).toBeLessThan(400)
  }
  await Promise.all(Array.from({ length: 50 }, () => sending.endJob(healthy.url)))
  await expect.poll(() => healthy.calls.length, { timeout: 2_000 }).toBe(55)
  expect(open(), 'one at a time to each').toBe(200)
  for (const { close } of holes) await close()
  await sender.stop()
  await healthy.close()
})

test('senders that share an outbox send everything once', async () => {
  const seen = new Map<string, number>()
  const perHost = new Map<string, number>()
  let widest = 0
  const send = async ({ id, url }: WebhookCall): Promise<WebhookAnswer> => {
    seen.set(id, (seen.get(id) ?? 0) + 1)
    const atOnce = (perHost.get(url) ?? 0) + 1
    perHost.set(url, atOnce)
    widest = Math.max(widest, atOnce)
    await delay(Math.random() * 8)
    perHost.set(url, (perHost.get(url) ?? 1) - 1)
    return TAKEN
  }
  const senders = [1, 2, 3].map(() => sending.sender({ send, concurrency: 40 }))
  for (const sender of senders) sender.start()
  await Promise.all(Array.from({ length: 300 }, (_, n) => sending.endJob(`https://h${n % 4}.example/hook`)))
  await expect.poll(() => seen.size, { timeout: 5_000 }).toBe(300)
  await Promise.all(senders.map((sender) => sender.stop()))
  expect([...seen.values()].filter((times) => times !== 1)).toEqual([])
  expect(widest).toBeLessThanOrEqual(32)
  expect(await sending.redis.exists(sending.keys.destinations, sending.keys.suspects)).toBe(0)
})

test('news of progress is tried three times, and the end of a job ten times', async () => {
  const jobs = await Promise.all([sending.endJob('https://a.example/1'), sending.endJob('https://b.example/2')])
  const [progress = '', end = ''] = jobs.map((id) => `msg_${id.slice(4)}`)
  await sending.redis.hset(sending.keys.delivery(progress), 'type', 'video.progress')
  const attempts = new Map<string, number>()
  const send = async ({ id, attempt }: WebhookCall): Promise<WebhookAnswer> => {
    attempts.set(id, attempt)
    return { kind: 'answered', status: 404, text: '' }
  }
  const sender = sending.sender({ send, speed: 1e9 })
  sender.start()
  await expect.poll(() => [attempts.get(progress), attempts.get(end)], { timeout: 5_000 }).toEqual([3, 10])
  await sender.stop()
  expect(await sending.outbox.get(progress)).toMatchObject({ status: 'exhausted', attempts: 3 })
})

test('an endpoint that is disabled gets nothing: what waits for it is held; what waited for a deleted one has ended', async () => {
  const [kept, dropped] = await Promise.all([
    sending.endJob('https://a.example/1'),
    sending.endJob('https://b.example/2'),
  ])
  const calls: string[] = []
  const sender = sending.sender({
    destinationOf: async ({ url }) => (url === 'https://a.example/1' ? 'disabled' : 'gone'),
    send: async ({ id }) => {
      calls.push(id)
      return TAKEN
    },
  })
  sender.start()
  const status = async (id: string) => (await sending.outbox.get(`msg_${id.slice(4)}`))?.status
  await expect.poll(() => status(kept)).toBe('held')
  await expect.poll(() => status(dropped)).toBe('gone')
  await sender.stop()
  expect(calls).toEqual([])
})

test('an endpoint whose secret does not open spends its attempts by the schedule, and is not judged by them', async () => {
  const calls: WebhookCall[] = []
  const send = async (call: WebhookCall): Promise<WebhookAnswer> => {
    calls.push(call)
    return TAKEN
  }
  const locked = sending.sender({ destinationOf: async () => 'locked', send, speed: 1e9 })
  locked.start()
  const id = `msg_${(await sending.endJob('https://a.example/')).slice(4)}`
  await expect.poll(() => sending.outbox.get(id)).toMatchObject({ status: 'exhausted', attempts: 10 })
  await locked.stop()
  const log = (await sending.outbox.get(id))?.log ?? []
  expect(new Set(log.map(({ error }) => error))).toEqual(new Set(['secret_unavailable']))
  expect(await sending.redis.exists(sending.keys.destination('host:default:a.example'))).toBe(0)
  expect(calls).toEqual([])

  expect(await sending.outbox.redeliver(id)).toBe('redelivered')
  const back = sending.sender({ send })
  back.start()
  await expect.poll(() => sending.outbox.get(id)).toMatchObject({ status: 'delivered', attempts: 11 })
  await back.stop()
})

test('a host that many call gets so many calls at a time, whoever’s they are; what waits for a place has not failed', async () => {
  const release = Promise.withResolvers<void>()
  const atOnce = new Map<string, number>()
  const send = async ({ url }: WebhookCall): Promise<WebhookAnswer> => {
    const { host } = new URL(url)
    atOnce.set(host, (atOnce.get(host) ?? 0) + 1)
    await release.promise
    return TAKEN
  }
  const sender = sending.sender({ send, maxPerHost: 3, random: () => 0 })
  sender.start()
  const team = (n: number) => `team-${n}`
  const jobs = await Promise.all(
    Array.from({ length: 8 }, (_, n) => sending.endJob(`https://busy.example/${n}`, team(n))),
  )
  const rows = () => Promise.all(jobs.map((id) => sending.outbox.get(`msg_${id.slice(4)}`)))
  const { destination } = sending.keys
  const waitsOf = () =>
    Promise.all(jobs.map((_, n) => sending.redis.hget(destination(`host:${team(n)}:busy.example`), 'openUntil')))
  await expect.poll(async () => (await waitsOf()).filter((until) => until !== null).length).toBe(5)
  await sending.endJob('https://free.example/', 'team-0')
  await expect.poll(() => atOnce.get('free.example')).toBe(1)
  expect(atOnce.get('busy.example')).toBe(3)
  expect((await rows()).map((row) => [row?.status, row?.attempts])).toEqual(jobs.map(() => ['pending', 0]))
  release.resolve()
  await expect.poll(async () => (await rows()).every((row) => row?.status === 'delivered')).toBe(true)
  expect((await rows()).map((row) => row?.attempts)).toEqual(jobs.map(() => 1))
  await sender.stop()
})

test('a webhook that is taken late is taken, and brings no wider window', async () => {
  const ids = await Promise.all([1, 2].map((n) => sending.endJob(`https://late.example/${n}`)))
  const send = async (): Promise<WebhookAnswer> => {
    await delay(30)
    return TAKEN
  }
  const sender = sending.sender({ send, timeoutMs: 100 })
  sender.start()
  const status = async (id: string) => (await sending.outbox.get(`msg_${id.slice(4)}`))?.status
  await expect.poll(() => Promise.all(ids.map(status))).toEqual(['delivered', 'delivered'])
  await sender.stop()
  const state = await sending.redis.hgetall(sending.keys.destination('host:default:late.example'))
  expect(state).toMatchObject({ window: '1', slow: '1' })
})

test('a worker that cannot tell where a webhook goes leaves it to one that can, long before the lease ends', async () => {
  const taken: string[] = []
  const send = async ({ id }: WebhookCall): Promise<WebhookAnswer> => {
    taken.push(id)
    return TAKEN
  }
  const destinationOf = async () => {
    throw new Error('Redis is not there')
  }
  const without = sending.sender({ destinationOf, send })
  without.start()
  const id = `msg_${(await sending.endJob('https://a.example/')).slice(4)}`
  const { sending: leased } = sending.keys
  await expect.poll(async () => (await sending.outbox.get(id))?.nextAtMs).toBeGreaterThan(Date.now() + 1_000)
  await expect.poll(() => sending.redis.exists(leased('host:default:a.example'))).toBe(0)
  await without.stop()
  const later = sending.sender({ send, clockOffsetMs: 2_000 })
  later.start()
  await expect.poll(() => taken).toEqual([id])
  await later.stop()
  expect(await sending.outbox.get(id)).toMatchObject({ status: 'delivered', attempts: 1 })
})

test('one that goes down with the process’s own fault is tried again when its lease ends; a stop writes back what is under way', async () => {
  const id = await sending.endJob('https://a.example/1')
  let calls = 0
  const failing = sending.sender({
    timeoutMs: -1_900,
    send: async () => {
      calls += 1
      if (calls === 1) throw new Error('a bug')
      await delay(30)
      return TAKEN
    },
  })
  failing.start()
  await expect.poll(() => calls).toBe(2)
  await failing.stop()
  expect(await sending.outbox.get(`msg_${id.slice(4)}`)).toMatchObject({ status: 'delivered', attempts: 1 })
})

test('ten thousand webhooks that wait for their next attempt take no memory of the process', async () => {
  const refusing = await startReceiver((socket) => void socket.write(respond(503)))
  await sending.endJob(refusing.url)
  const sender = sending.sender()
  sender.start()
  await expect.poll(() => refusing.calls.length).toBe(1)
  const { destinations, suspects } = sending.keys
  const member = `host:default:${new URL(refusing.url).host}`
  const inAnHour = Date.now() + 3_600_000
  const ids = Array.from({ length: 10_000 }, (_, n) => [inAnHour, `msg_${n}`]).flat()
  await sending.redis.zadd(sending.keys.outbox(member), ...ids)
  const commandsBefore = await commands()
  await delay(300)
  // An idle sender looks ten times a second, and reads none of them.
  expect((await commands()) - commandsBefore).toBeLessThan(60)
  expect(await sending.redis.zcard(suspects)).toBe(1)
  expect(await sending.redis.exists(destinations)).toBe(0)
  await sender.stop()
  await refusing.close()
})

async function commands(): Promise<number> {
  const text = await sending.redis.info('stats')
  return Number(/total_commands_processed:(\d+)/.exec(text)?.[1])
}
