import { jobError, WebhookEvent } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listJobs } from './job-list.ts'
import type { EndedAs } from './jobs.ts'
import { acceptJob, newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { reconcile } from './reconcile.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const FAILED: EndedAs = {
  status: 'failed',
  error: jobError('moderation', { code: 'SAFETY.INPUT.TEXT' }),
  outputs: [],
}

test('the end of a job and its delivery row are one step; whoever comes second changes nothing', async () => {
  const job = await acceptJob(house, newJob({ webhookUrl: 'https://team.example/hook' }))
  const outcomes = await Promise.all([house.jobs.end(job, FAILED), house.jobs.end(job, { status: 'canceled' })])
  expect(outcomes.map(({ done }) => done)).toEqual([true, false])
  const delivery = await house.deliveries.get(`msg_${job.id.slice(4)}`)
  expect(delivery).toMatchObject({
    status: 'pending',
    url: 'https://team.example/hook',
    type: 'video.failed',
    attempts: 0,
  })
  const event = WebhookEvent.parse(JSON.parse(delivery?.body ?? ''))
  expect(event.data).toMatchObject({
    id: job.id,
    status: 'failed',
    error: { code: 'moderation', provider_code: 'SAFETY.INPUT.TEXT' },
  })
  expect(await house.redis.exists(`${house.keys.bullmq}:notify:${delivery?.id}`)).toBe(1)
})

test('an ended job has an expiry, is in no index of open work, and leaves the list when it expires', async () => {
  const job = await acceptJob(house, newJob({ team: 'expirer' }))
  await house.jobs.end(job, FAILED)
  expect(await house.redis.pttl(house.keys.job(job.id))).toBeGreaterThan(50_000)
  expect(await house.redis.zscore(house.keys.open, job.id)).toBeNull()
  await reconcile(house, { nowMs: Date.now() + 120_000, lookAgainMs: 1_000 })
  expect((await listJobs(house, 'expirer', { limit: 5, order: 'asc' })).jobs).toEqual([])
  expect(await house.redis.exists(house.keys.list('expirer'))).toBe(0)
})

test('reconcile puts back a job whose message was lost, at every stage', async () => {
  const queued = await acceptJob(house)
  const submitted = await submitJob(house, 'task-r')
  await house.redis.zrem(house.keys.due('runway'), submitted.id)
  const queue = `${house.keys.bullmq}:submit-runway`
  await house.redis.del(`${queue}:${queued.id}-queued`)
  await house.redis.lrem(`${queue}:wait`, 0, `${queued.id}-queued`)
  await reconcile(house, { nowMs: Date.now() + 600_000, lookAgainMs: 1_000 })
  expect(await house.redis.exists(`${queue}:${queued.id}-queued`)).toBe(1)
  expect(await house.redis.zscore(house.keys.due('runway'), submitted.id)).not.toBeNull()
})

test('an attempt of a delivery is recorded once, however many processes made it', async () => {
  const job = await acceptJob(house, newJob({ webhookUrl: 'https://team.example/hook' }))
  await house.jobs.end(job, FAILED)
  const delivery = await house.deliveries.get(`msg_${job.id.slice(4)}`)
  if (!delivery) throw new Error('no delivery')
  const attempt = { atMs: 1, durationMs: 2, status: 500 }
  const recorded = await Promise.all([
    house.deliveries.record(delivery, attempt, { status: 'pending', retryInMs: 5_000 }),
    house.deliveries.record(delivery, attempt, { status: 'pending', retryInMs: 5_000 }),
  ])
  expect(recorded).toEqual([true, false])
  const again = await house.deliveries.get(delivery.id)
  expect(again).toMatchObject({ attempts: 1, log: [attempt], body: delivery.body })
  if (again) await house.deliveries.record(again, { ...attempt, status: 204 }, { status: 'delivered' })
  expect(await house.redis.zscore(house.keys.undelivered, delivery.id)).toBeNull()
  expect(await house.redis.pttl(house.keys.delivery(delivery.id))).toBeGreaterThan(0)
})

test('only an ended job can be removed, and then nothing of it is left but its deliveries', async () => {
  const job = await acceptJob(house)
  expect(await house.jobs.remove(job)).toBe('open')
  await house.jobs.end(job, { status: 'canceled' })
  expect(await house.jobs.remove(job)).toBe('removed')
  expect(await house.jobs.remove(job)).toBe('gone')
  expect(await house.jobs.get(job.id)).toBeUndefined()
  expect(await house.redis.zscore(house.keys.expiring, `default/${job.id}`)).toBeNull()
})

test('a webhook body never exceeds 20 KB', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, 'ü'.repeat(512)]))
  const job = newJob({ webhookUrl: 'https://team.example/hook' })
  const accepted = await acceptJob(house, { ...job, request: { ...job.request, metadata } })
  const outputs = Array.from({ length: 60 }, (_, index) => ({
    index,
    key: `k/${index}`,
    bytes: 10,
    sha256: 'a'.repeat(64),
    contentType: 'image/png',
  }))
  await house.jobs.end(accepted, { ...FAILED, outputs })
  const delivery = await house.deliveries.get(`msg_${accepted.id.slice(4)}`)
  expect(Buffer.byteLength(delivery?.body ?? '')).toBeLessThanOrEqual(20_000)
  expect(WebhookEvent.parse(JSON.parse(delivery?.body ?? '')).data.id).toBe(accepted.id)
})
