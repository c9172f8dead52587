import { afterAll, beforeAll, expect, test } from 'vitest'
import { acceptJob, newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import type { JobRecord } from './record.ts'
import { INLINE_SOURCE } from './sources.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

async function begin(): Promise<{ job: JobRecord; fence: number }> {
  const job = await acceptJob(house)
  const begun = await house.submissions.begin(job, 'key-1')
  if (begun.kind !== 'begun') throw new Error(begun.kind)
  return { job: (await house.jobs.get(job.id)) ?? job, fence: begun.fence }
}

const result = (fence: number, parts: { sources?: string[] } = {}) => ({
  fence,
  providerKeyId: 'key-1',
  taskId: 'task-1',
  upstreamStatus: 'success',
  sources: ['https://a.example/1'],
  details: [{ id: 'a', seed: '9223372036854775807' }],
  cost: { amount: 0.01, unit: 'usd' } as const,
  ...parts,
})

test('a create that was answered with its result leaves a job whose files are to be copied', async () => {
  const { job, fence } = await begin()
  expect(await house.submissions.finished(job, result(fence))).toBe('generated')
  expect(await house.jobs.get(job.id)).toMatchObject({
    status: 'generated',
    taskId: 'task-1',
    providerKeyId: 'key-1',
    sources: ['https://a.example/1'],
    details: [{ seed: '9223372036854775807' }],
    cost: { amount: 0.01, unit: 'usd' },
    polls: 0,
  })
  expect(await house.submissions.finished(job, result(fence))).toBe('elsewhere')
})

test('a result that nobody waits for any more changes nothing', async () => {
  const lost = await begin()
  await house.jobs.markAmbiguous(lost.job, lost.fence)
  expect(await house.submissions.finished(lost.job, result(lost.fence))).toBe('elsewhere')
  const unwanted = await begin()
  expect(await house.jobs.cancel(unwanted.job)).toBe('requested')
  expect(await house.submissions.finished(unwanted.job, result(unwanted.fence))).toBe('cancel')
  expect((await house.jobs.get(unwanted.job.id))?.status).toBe('submitting')
})

test('a file that stood in the answer is kept out of the record, a text is not', async () => {
  const { job, fence } = await begin()
  const text = 'data:text/plain,short'
  const file = `data:image/png;base64,${'A'.repeat(70_000)}`
  await house.submissions.finished(job, result(fence, { sources: [text, file] }))
  expect(await house.jobs.get(job.id)).toMatchObject({ sources: [text, INLINE_SOURCE] })
})

test('a lost create is sent again only while it is ambiguous, under its fence and not canceled, and is counted', async () => {
  const { job, fence } = await begin()
  expect(await house.submissions.beginRepeat(job)).toBe('elsewhere')
  await house.jobs.markAmbiguous(job, fence)
  expect(await house.submissions.beginRepeat({ ...job, fence: fence + 1 })).toBe('elsewhere')
  expect(await house.submissions.beginRepeat(job)).toBe('begun')
  expect(await house.jobs.get(job.id)).toMatchObject({ status: 'ambiguous', submits: 2, providerKeyId: 'key-1' })
  await house.jobs.cancel((await house.jobs.get(job.id)) ?? job)
  expect(await house.submissions.beginRepeat(job)).toBe('cancel')
})

test('a job for which somebody waits is sent by a queue of its own', async () => {
  const { request, ...rest } = newJob()
  const job = await acceptJob(house, { ...rest, request: { ...request, waits: true, results: 4 } })
  expect(await house.redis.exists(`${house.keys.bullmq}:wait-runway:${job.id}-queued-1`)).toBe(1)
  expect(await house.redis.exists(`${house.keys.bullmq}:submit-runway:${job.id}-queued-1`)).toBe(0)
  await house.submissions.begin(job, 'key-1')
  const sent = (await house.jobs.get(job.id)) ?? job
  await house.submissions.accepted(sent, {
    fence: sent.fence,
    providerKeyId: 'key-1',
    taskId: 'task-results',
    firstLookMs: 0,
  })
  const { tasks } = await house.schedule.lease(100, 60_000)
  expect(tasks.find(({ id }) => id === job.id)).toMatchObject({ results: 4, sentAtMs: sent.times.submitting })
})

test('the end of every job is published, and nothing before it', async () => {
  const subscriber = house.redis.duplicate()
  const heard: string[] = []
  subscriber.on('message', (_, id) => heard.push(id))
  await subscriber.subscribe(house.keys.ended)
  const canceled = await acceptJob(house)
  const running = await submitJob(house, 'task-4')
  await house.jobs.cancel(canceled)
  await house.jobs.end(running, { status: 'canceled' })
  await house.jobs.end(running, { status: 'canceled' })
  await expect.poll(() => heard).toEqual([canceled.id, running.id])
  subscriber.disconnect()
})
