import { createKeys, Jobs, openQueues, Submissions } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from '../house.ts'
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts'

const ANSWER_WITHIN_MS = 500

let house: House
let proxy: TcpProxy | undefined
afterEach(async () => {
  if (proxy) proxy.trouble = {}
  await Promise.all(house.workers.map((worker) => worker.stop()))
  await proxy?.close()
  proxy = undefined
  await house.close()
})

const postMany = (name: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => house.post({ prompt: `${name} ${n}` })))

test('31 a slow network before Redis: the API answers 503 at once and by itself works again when it is fast (I12)', async () => {
  const first = await startTcpProxy(0)
  house = await openHouse({ workers: 0, env: { REDIS_URL: first.url } })
  first.target = house.redis.port
  await expect.poll(async () => (await house.call('GET', '/v1/jobs')).status, { interval: 20 }).toBe(200)
  first.trouble = { latencyMs: 2_000 }
  for (let n = 0; n < 4; n += 1) {
    const startedMs = performance.now()
    expect((await house.call('GET', '/v1/jobs')).status).toBe(503)
    expect(performance.now() - startedMs).toBeLessThan(ANSWER_WITHIN_MS)
  }
  expect((await fetch(`${house.api.url}/livez`)).status).toBe(200)
  first.trouble = {}
  await expect
    .poll(async () => (await house.call('GET', '/v1/jobs')).status, { interval: 20, timeout: 5_000 })
    .toBe(200)
  await house.api.close()
  await first.close()
})

test.each([
  ['slow', { latencyMs: 20, bytesPerSecond: 256 * 1024 }],
  ['reset every hundred commands or so', { latencyMs: 5, resetAfterBytes: 120_000 }],
])('31 a worker whose network to Redis is %s is slow and correct (I1, I2)', async (_, trouble) => {
  house = await openHouse({ workers: 0, env: { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500' } })
  proxy = await startTcpProxy(house.redis.port)
  proxy.trouble = trouble
  await house.addWorker({ REDIS_URL: proxy.url })
  const jobs = await postMany('net', 5)
  for (const { id } of jobs) expect(await house.ended(id, 20_000)).toMatchObject({ status: 'succeeded' })
  proxy.trouble = {}
  for (const { id } of jobs) await house.webhook(id)
  for (const { requests } of Object.values(house.simulator.runway.ledger().markers)) expect(requests).toBe(1)
  house.assertHonest()
})

test('31 an intent whose answer is lost with its connection, and which is sent again, is still one intent (I2)', async () => {
  house = await openHouse({ workers: 0 })
  proxy = await startTcpProxy(house.redis.port)
  const keys = createKeys(house.env.KEY_PREFIX)
  const [near, far] = [new Redis(house.redis.url), new Redis(proxy.url, { maxRetriesPerRequest: null })]
  far.on('error', () => {})
  const queues = openQueues(near, keys)
  const jobs = new Jobs({ redis: near, queues, keys, publicUrl: 'https://queue.example' })
  const { id } = await house.post({ prompt: 'intent' })
  const job = await jobs.get(id)
  if (!job) throw new Error('the job is gone')
  const reconcileAfter = { submitMs: 60_000, pollMs: 60_000, copyMs: 60_000 }
  const submissions = new Submissions({ redis: far, keys, reconcileAfter })
  await far.ping()
  // Each way: it is written, and its answer still under way.
  proxy.trouble = { latencyMs: 200 }
  const begun = submissions.begin(job, 'key-1')
  await expect.poll(async () => (await jobs.get(id))?.status, { interval: 5 }).toBe('submitting')
  proxy.trouble = {}
  proxy.cut()
  expect(await begun).toEqual({ kind: 'begun', fence: job.fence, isProbe: false })
  // Anybody else's finds it.
  expect(await submissions.begin(job, 'key-1')).toMatchObject({ kind: 'ambiguous' })
  await queues.close()
  for (const redis of [near, far]) redis.disconnect()
})
