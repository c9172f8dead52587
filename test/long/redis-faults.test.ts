import { randomUUID } from 'node:crypto'
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { type House, type HouseOptions, openHouse } from '../house.ts'
import { openRedisOnSmallDisk } from '../small-disk.ts'

const RECOVERY = { LOCK_DURATION_MS: '1500', STALLED_INTERVAL_MS: '400', RECONCILE_AFTER_MS: '2000' }
const ANSWER_WITHIN_MS = 1_000

let house: House
let admin: Redis
/** What API and workers need until they have ended. */
let closeLast: (() => Promise<void>) | undefined
afterEach(async () => {
  admin.disconnect()
  await Promise.all(house.workers.map((worker) => worker.stop()))
  await house.api.close()
  await closeLast?.()
  closeLast = undefined
  await house.close()
})

async function open(options: HouseOptions = {}) {
  house = await openHouse({ ...options, env: { ...RECOVERY, ...options.env } })
  admin = new Redis(house.redis.url, { maxRetriesPerRequest: null })
  admin.on('error', () => {})
}

const set = (name: string, value: string) => admin.config('SET', name, value)
const postMany = async (name: string, count: number, more: Record<string, unknown> = {}) =>
  (await Promise.all(Array.from({ length: count }, (_, n) => house.post({ prompt: `${name} ${n}`, ...more })))).map(
    ({ id }) => id,
  )
const statusOf = async (id: string) => (await house.call('GET', `/v1/jobs/${id}`)).status

/** One try, as a client without patience. */
async function tryToPost(prompt: string) {
  const startedMs = performance.now()
  const answer = await house.call('POST', '/v1/jobs', { ...BODY, input: { ...BODY.input, promptText: prompt } })
  const { code = '' } = (await answer.json()) as { code?: string } // only compared
  return { status: answer.status, code, isQuick: performance.now() - startedMs < ANSWER_WITHIN_MS }
}

type Report = { checks: Record<string, string> }

const REFUSED = { status: 503, code: 'unavailable', isQuick: true }
const isReady = async () => (await fetch(`${house.api.url}/readyz`)).status === 200
const isWorkerReady = async () => (await fetch(`${house.workers[0]?.healthUrl}/readyz`)).status === 200
const becomes = (look: () => Promise<boolean>, value: boolean) =>
  expect.poll(look, { interval: 50, timeout: 5_000 }).toBe(value)

const readJobs = async () => {
  const { data } = (await (await house.call('GET', '/v1/jobs')).json()) as { data: { id: string }[] } // as documented
  return data.map(({ id }) => id)
}

async function allSucceed(ids: readonly string[]) {
  for (const id of ids) expect(await house.ended(id, 25_000)).toMatchObject({ status: 'succeeded' })
}

/** The part of the append-only file that grows. */
async function appendOnlyFile(): Promise<string> {
  const folder = join(house.redis.dir, 'appendonlydir')
  const name = (await readdir(folder)).find((each) => each.endsWith('.incr.aof'))
  return join(folder, name ?? 'none')
}

test('24 Redis forgets its last seconds: only jobs accepted within them are gone, each told by 404, and their keys make them anew (I1, I6)', async () => {
  await open({ redis: { appendfsync: 'everysec' }, workers: 0 })
  await set('aof-timestamp-enabled', 'yes')
  const before = await postMany('before', 5)
  await expect.poll(() => Date.now() % 1_000, { interval: 5, timeout: 2_000 }).toBeLessThan(50)
  const cutAtSeconds = Math.floor(Date.now() / 1_000)
  const keys = Array.from({ length: 5 }, () => randomUUID())
  const send = (key: string, n: number) =>
    house.call(
      'POST',
      '/v1/jobs',
      { ...BODY, input: { ...BODY.input, promptText: `window ${n}` } },
      { 'idempotency-key': key },
    )
  const within = await Promise.all(
    keys.map(async (key, n) => ((await (await send(key, n)).json()) as { id: string }).id), // a 202 has one
  )
  await house.redis.kill('SIGKILL')
  // What `redis-check-aof --truncate-to-timestamp` does: Redis notes the time before what it writes in a new second.
  const path = await appendOnlyFile()
  const marks = [...(await readFile(path, 'latin1')).matchAll(/#TS:(\d+)\r\n/g)]
  const cut = marks.find(([, seconds]) => Number(seconds) >= cutAtSeconds)
  await truncate(path, cut?.index)
  await house.reviveRedis()

  await expect.poll(() => statusOf(before[0] ?? ''), { interval: 20, timeout: 3_000 }).toBe(200)
  const lost = []
  for (const id of [...before, ...within]) if ((await statusOf(id)) === 404) lost.push(id)
  expect(lost).toEqual(within)
  const again = await Promise.all(
    keys.map(async (key, n) => ((await (await send(key, n)).json()) as { id: string }).id), // a 202 has one
  )
  await house.addWorker()
  await allSucceed([...before, ...again])
  house.assertHonest()
})

test('24 a write that was torn at the end of the file is undone whole: half a job is no job (I1)', async () => {
  await open({ redis: { appendfsync: 'everysec' }, workers: 0 })
  const kept = await postMany('kept', 4)
  const [torn = ''] = await postMany('torn', 1)
  await house.redis.kill('SIGKILL')
  const path = await appendOnlyFile()
  // In the middle of the transaction that accepts it.
  await truncate(path, (await readFile(path, 'latin1')).indexOf(torn) + 200)
  await house.reviveRedis()
  await expect.poll(() => statusOf(torn), { interval: 20, timeout: 3_000 }).toBe(404)
  expect((await readJobs()).toSorted()).toEqual(kept.toSorted())
  await house.addWorker()
  await allSucceed(kept)
  house.assertHonest()
})

test('28 Redis cannot write its file: jobs are refused with 503, readiness is red, and all goes on by itself (I1, I12)', async () => {
  const small = await openRedisOnSmallDisk()
  await open({ env: { REDIS_URL: small.url } })
  closeLast = small.close
  const ids = await postMany('before', 3, { delay_seconds: 1 })
  await small.fill()
  expect(await tryToPost('refused')).toEqual(REFUSED)
  await Promise.all([becomes(isReady, false), becomes(isWorkerReady, false)])
  expect((await fetch(`${house.api.url}/livez`)).status).toBe(200)
  expect((await fetch(`${house.workers[0]?.healthUrl}/livez`)).status).toBe(200)
  await small.free()
  await allSucceed([...ids, ...(await postMany('after', 2))])
  await Promise.all([becomes(isReady, true), becomes(isWorkerReady, true)])
  house.assertHonest()
})

test('28 Redis has no memory left: jobs are refused with 503, and what was accepted goes on when there is some (I1, I12)', async () => {
  await open()
  const ids = await postMany('before', 5)
  await set('maxmemory', '1')
  expect(await tryToPost('refused')).toEqual(REFUSED)
  await becomes(isReady, false)
  await set('maxmemory', '0')
  await allSucceed([...ids, ...(await postMany('after', 2))])
  house.assertHonest()
})

test('30, 33 a Redis that evicts, and one whose user may not write, make readiness red', async () => {
  await open()
  await set('maxmemory-policy', 'allkeys-lru')
  await Promise.all([becomes(isReady, false), becomes(isWorkerReady, false)])
  await set('maxmemory-policy', 'noeviction')
  await admin.call('ACL', 'SETUSER', 'default', '-set')
  const redisIs = async () => ((await (await fetch(`${house.api.url}/readyz`)).json()) as Report).checks.redis // /readyz says so
  await expect.poll(redisIs, { interval: 50, timeout: 5_000 }).toBe('unavailable')
  await admin.call('ACL', 'SETUSER', 'default', '+@all')
  await Promise.all([becomes(isReady, true), becomes(isWorkerReady, true)])
})

test('33 SCRIPT FLUSH again and again under load: every script is told anew, and nothing is lost or done twice (I1, I2)', async () => {
  await open()
  const flushing = setInterval(() => admin.script('FLUSH').catch(() => {}), 5)
  onTestFinished(() => clearInterval(flushing))
  const ids = await postMany('flushed', 20)
  await allSucceed(ids)
  clearInterval(flushing)
  for (const id of ids) await house.webhook(id)
  house.assertHonest()
})

test('33 FLUSHALL by mistake: what was is 404, nobody crashes, and new jobs and the reconcile tick go on (I12)', async () => {
  await open({ env: { RECONCILE_INTERVAL_MS: '150' } })
  const ids = await postMany('forgotten', 5)
  await admin.flushall()
  await expect.poll(() => Promise.all(ids.map(statusOf)), { interval: 20 }).toEqual(Array(5).fill(404))
  await allSucceed(await postMany('after', 5))
  const ticks = () => admin.keys(`${house.env.KEY_PREFIX}:bq:reconcile:repeat`)
  await expect.poll(async () => (await ticks()).length, { interval: 50, timeout: 5_000 }).toBeGreaterThan(0)
})

const BODY = {
  provider: 'runway',
  operation: 'text_to_video',
  input: { model: 'gen4.5', promptText: '', ratio: '1280:720', duration: 5 },
}
