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

test('the end of a job and its delivery are one step; whoever comes second changes nothing', async () => {
  const job = await acceptJob(house, newJob({ webhookUrl: 'https://team.example/hook' }))
  const outcomes = await Promise.all([house.jobs.end(job, FAILED), house.jobs.end(job, { status: 'canceled' })])
  expect(outcomes.map(({ done }) => done)).toEqual([true, false])
  const [delivery, ...others] = await house.outbox.listForJob(job.id)
  expect(others).toEqual([])
  expect(delivery).toMatchObject({
    id: `msg_${job.id.slice(4)}`,
    status: 'pending',
    destination: 'host:default:team.example',
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
  expect(await house.redis.zscore(house.keys.outbox('host:default:team.example'), delivery?.id ?? '')).not.toBeNull()
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
  await house.redis.del(`${queue}:${queued.id}-queued-1`)
  await house.redis.zrem(`${queue}:prioritized`, `${queued.id}-queued-1`)
  await reconcile(house, { nowMs: Date.now() + 600_000, lookAgainMs: 1_000 })
  expect(await house.redis.exists(`${queue}:${queued.id}-queued-1`)).toBe(1)
  expect(await house.redis.zscore(house.keys.due('runway'), submitted.id)).not.toBeNull()
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
