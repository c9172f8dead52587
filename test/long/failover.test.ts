import { randomUUID } from 'node:crypto'
import { JobResource } from '@genqueue/contract'
import { createKeys, keptByReplica } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from '../house.ts'
import { openRedisPair, type RedisPair } from '../redis-pair.ts'

const DURABLE = { DURABILITY: 'replicated' }
const SOON = { interval: 10, timeout: 10_000 }
const RECOVERY = { LOCK_DURATION_MS: '1500', STALLED_INTERVAL_MS: '400', RECONCILE_AFTER_MS: '2000' }

let pair: RedisPair
let house: House
afterEach(async () => {
  await Promise.all(house.workers.map((worker) => worker.stop()))
  await house.api.close()
  await pair.close()
  await house.close()
})

async function open(env: Record<string, string>, workers = 1) {
  pair = await openRedisPair()
  house = await openHouse({ env: { ...RECOVERY, ...env, REDIS_URL: pair.front.url }, workers })
}

type Posted = { prompt: string; key: string; status: number; id: string; retry: string | null }

/** What a client writes down of a request. */
async function post(prompt: string, { key = randomUUID() }: { key?: string } = {}): Promise<Posted> {
  const body = {
    provider: 'runway',
    operation: 'text_to_video',
    input: { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 },
    webhook_url: `${house.simulator.receiver.url}/hook`,
  }
  const answer = await house.call('POST', '/v1/jobs', body, key === '' ? {} : { 'idempotency-key': key })
  const id = answer.status === 202 ? JobResource.parse(await answer.json()).id : ''
  return { prompt, key, status: answer.status, id, retry: answer.headers.get('x-should-retry') }
}

const postMany = (name: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => post(`${name} ${n}`)))
const statusOf = async (id: string) => (await house.call('GET', `/v1/jobs/${id}`)).status
const creates = (prompt: string) => house.simulator.runway.ledger().markers[prompt]?.requests ?? 0

/** As a client does whose request was not answered: the same one with the same key. */
const sendAgain = (jobs: readonly Posted[]) =>
  Promise.all(
    jobs.map(async ({ prompt, key }) => {
      await expect.poll(async () => (await post(prompt, { key })).status, { interval: 50, timeout: 8_000 }).toBe(202)
      return post(prompt, { key })
    }),
  )

const accepted = async (name: string, count: number) => sendAgain(await postMany(name, count))

/** Accepted, at the vendor, and all of it known to the replica. */
async function inFlight(name: string) {
  const posted = await accepted(name, 5)
  const states = () => Promise.all(posted.map(async ({ id }) => (await house.get(id)).status))
  const early = ['queued', 'submitting']
  await expect.poll(async () => (await states()).some((it) => early.includes(it)), SOON).toBe(false)
  await expect.poll(() => pair.ask(pair.primary, 'WAIT', '1', '100'), SOON).toBe(1)
  return posted
}

const allSucceed = (jobs: readonly { id: string }[]) =>
  Promise.all(jobs.map(async ({ id }) => expect(await house.ended(id, 20_000)).toMatchObject({ status: 'succeeded' })))

test('26 failover with lag, replicated: no 202 without the replica, none is lost, and what was refused is made once by its key (I1, I2)', async () => {
  await open(DURABLE)
  const before = await inFlight('before')
  pair.link.freeze()
  const during = await postMany('during', 5)
  expect(during.map(({ status }) => status)).toEqual(Array(5).fill(503))
  expect(await post('keyless', { key: '' })).toMatchObject({ status: 503 })

  await pair.primary.kill('SIGKILL')
  await pair.promote()
  await expect.poll(() => statusOf(before[0]?.id ?? ''), { interval: 20 }).toBe(200)
  const readiness = async () => (await fetch(`${house.api.url}/readyz`)).json()
  const missing = { status: 'not_ready', checks: { redis: 'ok', redis_replica: 'missing' } }
  await expect.poll(readiness, { interval: 50, timeout: 3_000 }).toMatchObject(missing)
  await pair.addReplica()
  await allSucceed(before)
  const again = await sendAgain(during)
  await allSucceed(again)
  for (const { prompt } of [...before, ...during]) expect(creates(prompt)).toBe(1)
  house.assertHonest()
})

test('26 failover with lag, local: what was accepted within the lag is lost, told by 404, and nothing else (I1)', async () => {
  await open({})
  const before = await inFlight('before')
  // The replica has everything up to here.
  await pair.ask(pair.primary, 'SET', '{lag}', '1')
  expect(await pair.ask(pair.primary, 'WAIT', '1', '5000')).toBe(1)
  pair.link.freeze()
  const during = await postMany('during', 5)
  expect(during.map(({ status }) => status)).toEqual(Array(5).fill(202))
  await pair.primary.kill('SIGKILL')
  await pair.promote()
  await expect.poll(() => statusOf(before[0]?.id ?? ''), { interval: 20 }).toBe(200)
  const found = await Promise.all([...before, ...during].map(async ({ id }) => ({ id, status: await statusOf(id) })))
  const lost = found.filter(({ status }) => status === 404).map(({ id }) => id)
  expect(lost).toEqual(during.map(({ id }) => id))
  await allSucceed([...before, ...(await accepted('after', 1))])
})

test('26 an intent that no replica has is not acted upon: the job waits as not_durable and is submitted once (I2)', async () => {
  await open(DURABLE, 0)
  const jobs = await accepted('intent', 3)
  pair.link.freeze()
  await house.addWorker()
  const reasons = () => Promise.all(jobs.map(async ({ id }) => (await house.get(id)).waiting?.reason))
  await expect.poll(reasons, { interval: 20, timeout: 5_000 }).toEqual(Array(3).fill('not_durable'))
  expect(jobs.map(({ prompt }) => creates(prompt))).toEqual([0, 0, 0])
  pair.link.thaw()
  await allSucceed(jobs)
  expect(jobs.map(({ prompt }) => creates(prompt))).toEqual([1, 1, 1])
  house.assertHonest()
})

test('26 an acknowledgement that comes by another connection than the write counts for nothing', async () => {
  await open({}, 0)
  const redis = new Redis(pair.front.url, { maxRetriesPerRequest: null })
  redis.on('error', () => {})
  await redis.ping()
  const durability = keptByReplica({ redis, keys: createKeys('{kept}'), timeoutMs: 2_000 })
  expect(await durability.isKept()).toBe(true)
  pair.link.freeze()
  const answers = [durability.isKept(), durability.isKept()]
  const info = async () => String(await pair.ask(pair.primary, 'INFO', 'clients'))
  await expect.poll(info, { interval: 10, timeout: 5_000 }).toContain('blocked_clients:1')
  pair.front.cut()
  pair.link.thaw()
  expect(await Promise.all(answers)).toEqual([false, false])
  await expect.poll(() => durability.isLikely(), { interval: 50 }).toBe(true)
  expect(await durability.isKept()).toBe(true)
  redis.disconnect()
})

test('27 split brain, replicated: a primary that hangs is left, one that comes back takes no job, and none is lost or paid twice (I1, I2)', async () => {
  await open(DURABLE)
  const before = await inFlight('before')
  await pair.primary.kill('SIGSTOP')
  await pair.promote()
  await pair.addReplica()
  const nobody = await post('nobody answers')
  expect(nobody.status).toBe(503)
  // The API leaves a connection that is silent for two seconds.
  const during = await sendAgain([nobody])
  await pair.primary.kill('SIGCONT')
  // Whoever is still connected to it takes it for the primary: the worker, which can write there and submits nothing.
  const unseen = await accepted('unseen', 1)
  await pair.ask(pair.primary, 'REPLICAOF', '127.0.0.1', String(pair.replica.port))
  const all = [...before, ...during, ...unseen]
  await allSucceed(all)
  for (const { prompt } of all) expect(creates(prompt)).toBe(1)
  house.assertHonest()
})
