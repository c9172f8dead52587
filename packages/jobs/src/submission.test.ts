import { jobError } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { KeyRests } from './key-rests.ts'
import type { JobRecord } from './record.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const RATE_LIMITED = { reason: 'rate_limited' }
const answer = (fence: number, taskId: string) => ({ fence, taskId, providerKeyId: 'key-1', firstLookMs: 0 })

async function begin(job: JobRecord): Promise<number> {
  const begun = await house.submissions.begin(job, 'key-1')
  if (begun.kind !== 'begun') throw new Error(begun.kind)
  return begun.fence
}

test('only one of many that begin the same job may send its create', async () => {
  const job = await acceptJob(house)
  const begun = await Promise.all(Array.from({ length: 20 }, () => house.submissions.begin(job, 'key-1')))
  expect(begun.filter(({ kind }) => kind === 'begun')).toHaveLength(1)
  expect(begun.filter(({ kind }) => kind === 'ambiguous')).toHaveLength(19)
  expect((await house.jobs.get(job.id))?.submits).toBe(1)
})

test('the late answer of a lost attempt is adopted while the job has no task', async () => {
  const job = await acceptJob(house)
  const fence = await begin(job)
  expect(await house.jobs.markAmbiguous(job, fence)).toEqual({ done: true })
  expect(await house.submissions.accepted(job, answer(fence, 'late'))).toBe('submitted')
  expect(await house.jobs.get(job.id)).toMatchObject({ status: 'submitted', taskId: 'late' })
})

test('a second task id never replaces the first: it is an orphan, and it is noted', async () => {
  const job = await acceptJob(house)
  const fence = await begin(job)
  await house.submissions.accepted(job, answer(fence, 'first'))
  expect(await house.submissions.accepted(job, answer(fence, 'second'))).toBe('orphan')
  expect(await house.submissions.accepted(job, answer(fence, 'first'))).toBe('submitted')
  expect(await house.jobs.get(job.id)).toMatchObject({ taskId: 'first' })
  expect(await house.redis.lindex(house.keys.orphans, 0)).toBe(`runway second ${job.id}`)
})

test('an answer that comes after the job has ended is an orphan', async () => {
  const job = await acceptJob(house)
  const fence = await begin(job)
  const sent = (await house.jobs.get(job.id)) ?? job
  await house.jobs.end(sent, { status: 'failed', error: jobError('submission_unknown'), outputs: [] }, { fence })
  expect(await house.submissions.accepted(job, answer(fence, 'too late'))).toBe('orphan')
  expect((await house.jobs.get(job.id))?.status).toBe('failed')
})

test('of a key that lost a create one job at a time tries, ever more seldom, until one is answered', async () => {
  const rests = new KeyRests(house)
  const key = 'key-lost'
  const beginWith = async (probeMs?: number) => house.submissions.begin(await acceptJob(house), key, undefined, probeMs)
  expect(await beginWith()).toMatchObject({ kind: 'begun', isProbe: false })
  const lost = (wasProbe: boolean) => rests.noteLost(key, { restMs: 40, longestMs: 100, wasProbe })
  expect(await lost(false)).toEqual({ isNew: true, restMs: 40 })
  // Others that were on the wire with it.
  expect(await lost(false)).toMatchObject({ isNew: false })
  expect(await beginWith()).toMatchObject({ kind: 'resting' })
  expect(await rests.states([{ keyId: key, models: [] }], '*')).toMatchObject([{ reason: 'provider_unavailable' }])

  const probe = () =>
    expect.poll(() => beginWith(60_000), { interval: 5 }).toMatchObject({ kind: 'begun', isProbe: true })
  await probe()
  const others = await Promise.all(Array.from({ length: 5 }, () => beginWith()))
  expect(others.map(({ kind }) => kind)).toEqual(Array(5).fill('resting'))
  expect(await lost(true)).toEqual({ isNew: false, restMs: 80 })
  await probe()
  expect(await lost(true)).toEqual({ isNew: false, restMs: 100 })
  await probe()
  await rests.noteAnswered(key)
  expect(await beginWith()).toMatchObject({ kind: 'begun', isProbe: false })
  expect(await lost(false)).toEqual({ isNew: true, restMs: 40 })
})

test('a probe that nothing is heard of is followed by another', async () => {
  const rests = new KeyRests(house)
  await rests.noteLost('key-silent', { restMs: 1, longestMs: 1, wasProbe: false })
  const tried = async () => house.submissions.begin(await acceptJob(house), 'key-silent', undefined, 50)
  for (const _ of ['first', 'second']) {
    await expect.poll(tried, { interval: 5 }).toMatchObject({ kind: 'begun', isProbe: true })
  }
})

test('a change under an older fence is refused', async () => {
  const job = await acceptJob(house)
  const fence = await begin(job)
  expect(await house.jobs.release(job, fence, { waiting: RATE_LIMITED })).toEqual({ done: true })
  const younger = await begin((await house.jobs.get(job.id)) ?? job)
  expect(younger).toBeGreaterThan(fence)
  expect(await house.jobs.release(job, fence, { waiting: RATE_LIMITED })).toEqual({ done: false, found: 'fenced' })
  expect((await house.jobs.get(job.id))?.status).toBe('submitting')
})

test('a job that goes back to the queue keeps the time it was accepted, so that its queue deadline ends', async () => {
  const job = await acceptJob(house)
  await expect.poll(() => Date.now()).toBeGreaterThan(job.times.queued ?? 0)
  expect(await house.jobs.release(job, await begin(job), { waiting: RATE_LIMITED })).toEqual({ done: true })
  expect((await house.jobs.get(job.id))?.times.queued).toBe(job.times.queued)
})

test('a queued job is canceled at once and never submitted; a submitted one is asked for at the vendor', async () => {
  const queued = await acceptJob(house)
  expect(await house.jobs.cancel(queued)).toBe('canceled')
  expect(await house.submissions.begin(queued, 'key-1')).toEqual({ kind: 'nothing' })

  const submitted = await submitJob(house, 'task-c')
  await house.schedule.lease(100, 60_000)
  expect(await house.jobs.cancel(submitted)).toBe('requested')
  const { tasks } = await house.schedule.lease(100, 60_000)
  expect(tasks.filter(({ id }) => id === submitted.id)).toMatchObject([{ cancelRequested: true }])
})

test('a cancel that comes while the create is on the wire keeps the job from going back to the queue', async () => {
  const job = await acceptJob(house)
  const fence = await begin(job)
  expect(await house.jobs.cancel(job)).toBe('requested')
  expect(await house.jobs.release(job, fence, { waiting: RATE_LIMITED })).toEqual({ done: false, found: 'cancel' })
})
