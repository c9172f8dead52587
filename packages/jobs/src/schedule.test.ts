import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { NO_LOOKS } from './looks.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const looks = { ...NO_LOOKS, polls: 1, upstreamStatus: 'RUNNING, so to say', progress: 0.5 }

test('a due task is leased to one poller; the others get nothing until the lease ends or a note is written', async () => {
  const job = await submitJob(house, 'task-1')
  const leases = await Promise.all(Array.from({ length: 10 }, () => house.schedule.lease(10, 60_000)))
  const tasks = leases.flatMap((lease) => lease.tasks)
  expect(tasks.map(({ id }) => id)).toEqual([job.id])
  const [task] = tasks
  if (!task) return
  expect(task).toMatchObject({ taskId: 'task-1', providerKeyId: 'key-1', polls: 0, cancelRequested: false })
  expect(await house.schedule.flush([{ id: job.id, lease: task.lease, delayMs: 0, looks }])).toBe(1)
  expect(await house.jobs.get(job.id)).toMatchObject({ polls: 1, progress: 0.5, upstreamStatus: 'RUNNING, so to say' })
  expect((await house.schedule.lease(10, 60_000)).tasks).toHaveLength(1)
})

test('a note under a lost lease writes nothing, and cannot end the job either', async () => {
  const job = await submitJob(house, 'task-2')
  const first = (await house.schedule.lease(100, 1)).tasks.find(({ id }) => id === job.id)
  const second = await expect
    .poll(async () => (await house.schedule.lease(100, 60_000)).tasks.find(({ id }) => id === job.id))
    .toBeDefined()
  void second
  if (!first || job.status !== 'submitted') throw new Error('not leased')
  expect(await house.schedule.flush([{ id: job.id, lease: first.lease, delayMs: 0, looks }])).toBe(0)
  const ended = await house.jobs.generated(job, first.lease, {
    sources: ['https://a.example'],
    upstreamStatus: 'SUCCEEDED',
  })
  expect(ended).toEqual({ done: false, found: 'lease' })
  expect((await house.jobs.get(job.id))?.status).toBe('submitted')
})

test('a finished task leaves the schedule and its copy message waits', async () => {
  const job = await submitJob(house, 'task-3')
  const task = (await house.schedule.lease(100, 60_000)).tasks.find(({ id }) => id === job.id)
  if (!task || job.status !== 'submitted') throw new Error('not leased')
  const done = await house.jobs.generated(job, task.lease, {
    sources: ['https://a.example/1'],
    upstreamStatus: 'SUCCEEDED',
  })
  expect(done).toEqual({ done: true })
  expect(await house.redis.zscore(house.keys.due('runway'), job.id)).toBeNull()
  expect(await house.redis.exists(`${house.keys.bullmq}:copy:${job.id}-generated`)).toBe(1)
  expect(await house.jobs.get(job.id)).toMatchObject({ status: 'generated', sources: ['https://a.example/1'] })
})

test('a member whose job is gone is dropped from the schedule', async () => {
  await house.redis.zadd(house.keys.due('runway'), 1, 'job_00000000000000000000000000')
  await house.schedule.lease(100, 60_000)
  expect(await house.redis.zscore(house.keys.due('runway'), 'job_00000000000000000000000000')).toBeNull()
})

test('a nudge makes a waiting task due once in a while, and takes no task from whoever looks at it', async () => {
  const job = await submitJob(house, 'task-5')
  const find = async () => (await house.schedule.lease(100, 60_000)).tasks.find(({ id }) => id === job.id)
  const first = await find()
  if (!first) throw new Error('not leased')
  expect(await house.schedule.nudge(job.id)).toBe(false)
  expect(await house.schedule.flush([{ id: job.id, lease: first.lease, delayMs: 60_000, looks }])).toBe(1)
  expect(await house.schedule.nudge(job.id)).toBe(true)
  const second = await find()
  if (!second) throw new Error('not due')
  await house.schedule.flush([{ id: job.id, lease: second.lease, delayMs: 60_000, looks }])
  expect(await house.schedule.nudge(job.id)).toBe(false)
  expect(await find()).toBeUndefined()
  expect(await house.schedule.nudge('job_00000000000000000000000000')).toBe(false)
  expect(await house.redis.zscore(house.keys.due('runway'), 'job_00000000000000000000000000')).toBeNull()
})

test('what does not fill a batch is held while more is about to come due, and not when there is none', async () => {
  await house.redis.del(house.keys.due('runway'))
  const batch = { size: 3, holdMs: 400 }
  const jobs = await Promise.all([1, 2, 3, 4].map((n) => submitJob(house, `held ${n}`)))
  const take = async () => (await house.schedule.lease(9, 60_000, batch)).tasks.map(({ id }) => id)
  // Alone there is nothing to wait for.
  expect(await take()).toHaveLength(4)
  const now = Date.now()
  const [a, b, c, d] = jobs.map(({ id }) => id)
  await house.redis.zadd(house.keys.due('runway'), now, a ?? '', now, b ?? '', now + 250, c ?? '', now + 9_000, d ?? '')
  expect(await take()).toEqual([])
  await expect.poll(take, { interval: 20 }).toHaveLength(3)
})
