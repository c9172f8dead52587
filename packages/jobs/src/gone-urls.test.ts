import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { NO_LOOKS } from './looks.ts'
import { addEndpoint, endJob, leaseAll, outcome, sendAll } from './outbox-fixture.ts'
import { tellOnce } from './single-delivery.ts'

const DAY_MS = 86_400_000
const HERE = { host: 'left.example' }

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())
beforeEach(async () => {
  await house.redis.flushall()
})

const ownOf = async ({ id }: { id: Parameters<OpenJobs['outbox']['listForJob']>[0] }) => {
  const rows = await house.outbox.listForJob(id)
  const own = rows.find(({ url }) => url !== undefined)
  if (!own) throw new Error('the job’s own URL was to be told')
  return own
}

test('a URL that answered 410 is not called for later jobs of the same key: their rows say so from the start', async () => {
  const first = await endJob(house, { ...HERE, apiKeyId: 'key_a' })
  await sendAll(house.outbox, 410)
  expect(await ownOf(first)).toMatchObject({ status: 'gone', attempts: 1, log: [{ status: 410 }] })

  const endpoint = await addEndpoint(house, 'default')
  const later = await endJob(house, { ...HERE, apiKeyId: 'key_a' })
  expect(await ownOf(later)).toMatchObject({ status: 'gone', attempts: 0, log: [{ error: 'url_gone', durationMs: 0 }] })
  const others = [
    await endJob(house, { ...HERE, apiKeyId: 'key_b' }),
    await endJob(house, HERE),
    await endJob(house, { ...HERE, apiKeyId: 'key_a', team: 'other' }),
    await endJob(house, { host: 'stays.example', apiKeyId: 'key_a' }),
  ]
  for (const job of others) expect((await ownOf(job)).status).toBe('pending')
  const told = (await sendAll(house.outbox, 200)).map(({ jobId, endpointId }) => [jobId, endpointId])
  expect(told).toContainEqual([later.id, endpoint.id])
  expect(told).not.toContainEqual([later.id, undefined])
  expect(told.filter(([, endpointId]) => endpointId === undefined)).toHaveLength(others.length)
})

test('what waited for that URL when it answered 410 is not sent either', async () => {
  const [first, second] = [await endJob(house, HERE), await endJob(house, HERE)]
  await sendAll(house.outbox, 500)
  const later = house.outboxIn(120_000)
  expect(await sendAll(later, 410)).toHaveLength(1)
  const rows = await Promise.all([first, second].map(ownOf))
  const logs = rows.map(({ log }) => log.map(({ status, error }) => status ?? error))
  expect(logs.toSorted()).toEqual([
    [500, 410],
    [500, 'url_gone'],
  ])
  expect(rows.map(({ status }) => status)).toEqual(['gone', 'gone'])
})

test('one that is sent again on request and taken lifts that for what comes, and many can then be sent again', async () => {
  await endJob(house, HERE)
  await sendAll(house.outbox, 410)
  const [one] = [await ownOf(await endJob(house, HERE)), await endJob(house, HERE)]
  expect(await house.outbox.redeliverFailedSince('default', 0)).toEqual({ redelivered: 0, hasMore: false })

  for (const status of [410, 200]) {
    expect(await house.outbox.redeliver(one.id)).toBe('redelivered')
    expect(await sendAll(house.outbox, status)).toMatchObject([{ id: one.id, body: one.body }])
    const next = await endJob(house, HERE)
    expect((await ownOf(next)).status).toBe(status === 410 ? 'gone' : 'pending')
  }
  expect(await house.outbox.get(one.id)).toMatchObject({ status: 'delivered', attempts: 2 })
  expect(await house.outbox.redeliverFailedSince('default', 0)).toEqual({ redelivered: 3, hasMore: false })
  expect(await sendAll(house.outbox, 200)).toHaveLength(4)
})

test('news of progress that is answered 410 is the last of its URL, the end of that job included', async () => {
  const { request, ...rest } = newJob({ webhookUrl: 'https://left.example/hook' })
  const asked = { ...request, webhookEvents: ['video.progress', 'video.canceled'] }
  const job = await submitJob(house, 'task', { ...rest, request: asked })
  const tell = async (polls: number) => {
    const [told] = await house.redis.hmget(house.keys.job(job.id), 'told')
    await house.jobs.tellProgress({ id: job.id, told: told ?? '' }, { ...NO_LOOKS, polls, progress: polls / 10 })
  }
  await tell(1)
  expect(await sendAll(house.outbox, 410)).toMatchObject([{ type: 'video.progress' }])
  await tell(2)
  const now = await house.jobs.get(job.id)
  if (now) await house.jobs.end(now, { status: 'canceled' })
  expect((await house.outbox.listForJob(job.id)).map(({ type, status, attempts }) => [type, status, attempts])).toEqual(
    [
      ['video.progress', 'gone', 1],
      ['video.canceled', 'gone', 0],
    ],
  )
})

test('it is forgotten after thirty days, and no team is remembered more than a thousand URLs', async () => {
  await endJob(house, HERE)
  await sendAll(house.outbox, 410)
  const key = house.keys.goneUrls('default')
  expect(await house.redis.pttl(key)).toBeGreaterThan(29 * DAY_MS)
  const [member = ''] = await house.redis.zrange(key, 0, '0')
  await house.redis.zadd(key, Date.now() - 31 * DAY_MS, member)
  expect((await ownOf(await endJob(house, HERE))).status).toBe('pending')

  const others = Array.from({ length: 1_200 }, (_, n) => [n, `key_a ${n}`] as const)
  await house.redis.zadd(key, ...others.flat())
  await sendAll(house.outbox, 410)
  expect(await house.redis.zcard(key)).toBe(1_000)
  expect((await ownOf(await endJob(house, HERE))).status).toBe('gone')
})

test('a sample is not sent again with others that failed, only by its own id', async () => {
  const endpoint = await addEndpoint(house, 'default')
  const id = `msg_01M7WRZ333JMCV1TN8EHPRWA7E_${endpoint.id.slice(3)}`
  const sample = { id, team: 'default', endpointId: endpoint.id, jobId: 'job_x', type: 'video.failed', body: '{}' }
  await tellOnce({ redis: house.redis, keys: house.keys }, sample)
  const [leased] = await leaseAll(house.outbox)
  if (!leased) throw new Error('the sample was not due')
  await house.outbox.record([{ ...outcome(leased, 500), next: { status: 'exhausted' } }])
  expect(await house.outbox.redeliverFailedSince('default', 0)).toEqual({ redelivered: 0, hasMore: false })
  expect(await house.outbox.redeliver(id)).toBe('redelivered')
})
