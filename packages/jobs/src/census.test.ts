import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { JobCensus } from './census.ts'
import { newJobId } from './job-id.ts'
import { acceptJob, newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { endJob } from './outbox-fixture.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())
beforeEach(() => house.redis.flushdb())

/** Rows as the census reads them, many at once. */
async function fill(count: number, status: string, sinceMs: number): Promise<string[]> {
  const { redis, keys } = house
  const ids = Array.from({ length: count }, () => newJobId(sinceMs))
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hset(keys.job(id), 'status', status, `at:${status}`, sinceMs).zadd(keys.open, 1, id)
  await pipeline.exec()
  return ids
}

test('open jobs are counted by status, with the age of the oldest', async () => {
  const nowMs = Date.now()
  await acceptJob(house)
  const submitted = await submitJob(house, 'task-1')
  await house.redis.hset(house.keys.job(submitted.id), 'at:submitted', nowMs - 60_000)
  await endJob(house)
  const { states } = await new JobCensus(house).take(nowMs)
  expect(states).toMatchObject({
    queued: { count: 1 },
    submitting: { count: 0, oldestAgeMs: 0 },
    submitted: { count: 1, oldestAgeMs: 60_000 },
  })
})

test('the age of what is queued counts from when it may go, and not for jobs that sleep', async () => {
  const nowMs = Date.now()
  const request = { ...newJob().request, notBeforeMs: nowMs + 3_600_000 }
  await acceptJob(house, newJob({ request }))
  const census = new JobCensus(house)
  expect((await census.take(nowMs)).states.queued).toEqual({ count: 1, oldestAgeMs: 0 })
  await acceptJob(house, newJob({ id: newJobId(nowMs - 5_000) }))
  expect((await census.take(nowMs)).states.queued).toEqual({ count: 2, oldestAgeMs: 5_000 })
})

test('teams in line and their jobs are counted', async () => {
  for (let n = 0; n < 70; n += 1) await acceptJob(house, newJob({ team: `team-${n % 2}` }))
  const { lines } = await new JobCensus(house).take(Date.now())
  const [first] = lines
  expect(first).toMatchObject({ queue: 'submit-runway' })
  // 64 have their turn, and so has the first of the team that came second.
  expect(first?.jobs).toBeGreaterThan(0)
  expect(first?.jobs).toBeLessThanOrEqual(6)
  expect(first?.teams).toBeLessThanOrEqual(2)
})

test('of many jobs the counts are estimates, and the oldest that was seen once stays in sight', async () => {
  const nowMs = Date.now()
  await fill(2_500, 'submitted', nowMs - 1_000)
  const [stuck = ''] = await fill(1, 'generated', nowMs - 900_000)
  const census = new JobCensus(house)
  let found = false
  for (let n = 0; n < 40 && !found; n += 1) found = (await census.take(nowMs)).states.generated.oldestAgeMs === 900_000
  expect(found).toBe(true)
  const { states } = await census.take(nowMs)
  expect(states.generated.oldestAgeMs).toBe(900_000)
  expect(states.submitted.count).toBeGreaterThan(2_400)
  expect(states.submitted.count).toBeLessThan(2_600)
  await house.redis.hset(house.keys.job(stuck), 'status', 'succeeded')
  expect((await census.take(nowMs)).states.generated.oldestAgeMs).toBe(0)
})

test('deliveries that wait are counted, and for how long the first has been due', async () => {
  await endJob(house, { host: 'a.example' })
  await endJob(house, { host: 'b.example' })
  const { webhooks } = await new JobCensus(house).take(Date.now() + 7_000)
  expect(webhooks).toMatchObject({ pending: 2, proven: 0, suspects: 2 })
  expect(webhooks.oldestDueMs).toBeGreaterThanOrEqual(7_000)
})
