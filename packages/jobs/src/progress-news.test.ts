import { WebhookEvent } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { NO_LOOKS } from './looks.ts'
import { addEndpoint, leaseAll, outcome } from './outbox-fixture.ts'
import type { LeasedTask } from './poll-schedule.ts'
import { isProgressNews } from './progress-news.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const lookOf = (polls: number, progress: number) => ({ ...NO_LOOKS, polls, progress, upstreamStatus: 'RUNNING, so' })

/** A job whose URL asks for its progress, unless it says otherwise; at the vendor, leased by a poller. */
async function running(team: string, webhookEvents?: string[]): Promise<LeasedTask> {
  const { request, ...rest } = newJob({ team, webhookUrl: `https://${team}.example/hook` })
  const asked = { ...request, ...(webhookEvents && { webhookEvents }) }
  const { id } = await submitJob(house, `task of ${team}`, { ...rest, request: asked })
  return lease(id)
}

async function lease(id: string): Promise<LeasedTask> {
  await house.redis.zadd(house.keys.due('runway'), 0, id)
  const task = (await house.schedule.lease(100, 60_000)).tasks.find((each) => each.id === id)
  if (!task) throw new Error('not leased')
  return task
}

test('news is a look that found something else, and not sooner than is allowed', () => {
  const told = '3,1000,50,RUNNING, so'
  const isNews = (looks: ReturnType<typeof lookOf>, nowMs: number) => isProgressNews(told, looks, nowMs, 10_000)
  expect(isNews(lookOf(4, 0.51), 11_000)).toBe(true)
  expect(isNews(lookOf(4, 0.51), 10_999)).toBe(false)
  expect(isNews(lookOf(4, 0.509), 11_000)).toBe(false)
  expect(isNews({ ...lookOf(4, 0.5), upstreamStatus: 'THROTTLED' }, 11_000)).toBe(true)
  expect(isNews(lookOf(3, 0.51), 11_000)).toBe(false)
  for (const first of [undefined, '0,0,']) expect(isProgressNews(first, lookOf(1, 0), 11_000, 10_000)).toBe(true)
})

test('of two workers that saw the same, one tells; the last event of a job has the highest sequence', async () => {
  const task = await running('racing', ['video.progress', 'video.failed', 'video.completed', 'video.canceled'])
  expect(task).toMatchObject({ team: 'racing', told: '0,0,' })
  await Promise.all([1, 2].map(() => house.jobs.tellProgress(task, lookOf(1, 0.256))))
  const [sent, ...others] = await leaseAll(house.outbox)
  expect(others).toEqual([])
  expect(sent).toMatchObject({
    id: `msg_${task.id.slice(4)}_p1`,
    type: 'video.progress',
    url: 'https://racing.example/hook',
  })
  const event = WebhookEvent.parse(JSON.parse(sent?.body ?? ''))
  expect(event).toMatchObject({
    id: `evt_${task.id.slice(4)}_p1`,
    sequence: 1,
    data: { status: 'submitted', progress: 25, upstream_status: 'RUNNING, so', attempts: { polls: 1 } },
  })
  expect((await lease(task.id)).told).toMatch(/^1,\d{13},25,RUNNING, so$/)
  // What was read before is not to be told again.
  await house.jobs.tellProgress(task, lookOf(2, 0.3))
  expect(await leaseAll(house.outbox)).toEqual([])

  const job = await house.jobs.get(task.id)
  if (!job || !sent) throw new Error('gone')
  await house.outbox.record([outcome(sent, 200)])
  await house.jobs.end(job, { status: 'canceled' })
  const [end] = await leaseAll(house.outbox)
  expect(WebhookEvent.parse(JSON.parse(end?.body ?? '')).sequence).toBeGreaterThan(1)
  expect((await house.outbox.listForJob(job.id)).map(({ id }) => id)).toEqual([sent.id, end?.id])
  await house.jobs.tellProgress(task, lookOf(9, 0.9))
  expect(await leaseAll(house.outbox)).toEqual([])
  expect(await house.redis.pttl(house.keys.delivery(sent.id))).toBeLessThanOrEqual(86_400_000)
})

test('only endpoints that name progress are told of it; all and none are about ends', async () => {
  const wanting = await addEndpoint(house, 'asked', { eventTypes: ['image.progress', 'video.progress'] })
  for (const eventTypes of [[], ['*'], ['image.progress'], ['video.completed']]) {
    await addEndpoint(house, 'asked', { eventTypes })
  }
  await addEndpoint(house, 'asked', { eventTypes: ['video.progress'], status: 'disabled' })
  const task = await running('asked')
  expect(task.told).toBeUndefined()
  await house.jobs.tellProgress(task, lookOf(3, 0.1))
  const leased = await leaseAll(house.outbox)
  expect(leased).toMatchObject([
    {
      id: `msg_${task.id.slice(4)}_p3_${wanting.id.slice(3)}`,
      endpointId: wanting.id,
      destination: `ep:${wanting.id}`,
    },
  ])
})

test('progress that waits is dropped for what came later, unless it is asked for again', async () => {
  const task = await running('slow', ['video.progress'])
  await house.jobs.tellProgress(task, lookOf(1, 0.1))
  const [first] = await leaseAll(house.outbox)
  if (!first) throw new Error('nothing was told')
  await house.outbox.record([outcome(first, 500)])
  await house.jobs.tellProgress(await lease(task.id), lookOf(2, 0.2))
  const [second] = await leaseAll(house.outbox)
  expect(second?.id).toBe(`msg_${task.id.slice(4)}_p2`)
  expect(await house.outbox.get(first.id)).toMatchObject({
    status: 'exhausted',
    attempts: 1,
    log: [{ status: 500 }, { error: 'superseded' }],
  })
  const job = await house.jobs.get(task.id)
  if (!job || !second) throw new Error('gone')
  await house.outbox.record([outcome(second, 500)])
  await house.jobs.end(job, { status: 'canceled' })
  expect(await leaseAll(house.outbox)).toEqual([])
  expect(await house.outbox.get(second.id)).toMatchObject({ status: 'exhausted' })
  expect(await house.outbox.redeliver(first.id)).toBe('redelivered')
  expect((await leaseAll(house.outbox)).map(({ id }) => id)).toEqual([first.id])
})
