import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

const ANSWER_WITHIN_MS = 500

let house: House
let proxy: TcpProxy | undefined
afterEach(async () => {
  await Promise.all(house.workers.map((worker) => worker.stop()))
  await proxy?.close()
  proxy = undefined
  await house.close()
})

const postMany = (name: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => house.post({ prompt: `${name} ${n}` })))

test('31 a slow network before Redis: the API answers 503 at once and by itself works again when it is fast', async () => {
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
  ['slow', { latencyMs: 30, bytesPerSecond: 256 * 1024 }],
  ['reset every hundred commands or so', { latencyMs: 5, resetAfterBytes: 60_000 }],
])('31 a worker whose network to Redis is %s is slow and correct', async (_, trouble) => {
  house = await openHouse({ workers: 0, env: { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500' } })
  proxy = await startTcpProxy(house.redis.port)
  proxy.trouble = trouble
  await house.addWorker({ REDIS_URL: proxy.url })
  const jobs = await postMany('net', 8)
  for (const { id } of jobs) expect(await house.ended(id, 20_000)).toMatchObject({ status: 'succeeded' })
  proxy.trouble = {}
  for (const { id } of jobs) await house.webhook(id)
  for (const { requests } of Object.values(house.simulator.runway.ledger().markers)) expect(requests).toBe(1)
  house.assertHonest()
})
