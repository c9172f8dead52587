import { jobError } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newJobId } from './job-id.ts'
import { GONE, jobSign, readJobSigns } from './job-signs.ts'
import { acceptJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { NO_LOOKS } from './looks.ts'
import { encodeFields } from './record.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

/** The sign that Redis gives, which must be that of the record. */
async function signOf(id: string): Promise<string> {
  const job = await house.jobs.get(id)
  const [sign = GONE] = await readJobSigns(house, [id])
  expect(sign).toBe(job ? jobSign(job) : GONE)
  return sign
}

test('the sign of a job is the same in Redis and of its record, and changes with all that a caller would notice', async () => {
  const { jobs } = house
  const queued = await acceptJob(house)
  const signs = [await signOf(queued.id)]
  const waiting = { reason: 'rate_limited', untilMs: 1_795_188_322_000 }
  await house.redis.hset(house.keys.job(queued.id), ...encodeFields({ waiting }))
  signs.push(await signOf(queued.id))

  const { id } = await submitJob(house, 'task-1')
  signs.push(await signOf(id))
  const look = async (progress: number, upstreamStatus: string, polls: number) => {
    const { tasks } = await house.schedule.lease(1, 60_000)
    const looks = { ...NO_LOOKS, progress, upstreamStatus, polls }
    await house.schedule.flush(tasks.map((task) => ({ id: task.id, lease: task.lease, delayMs: 0, looks })))
    return signOf(id)
  }
  signs.push(await look(0, 'PENDING, still', 1), await look(0.1, 'RUNNING', 2), await look(0.2, 'RUNNING', 3))
  expect(await look(0.204, 'RUNNING', 4), 'a look that told nothing new').toBe(signs.at(-1))

  const running = await jobs.get(id)
  if (!running) throw new Error('the job is gone')
  await jobs.cancel(running)
  signs.push(await signOf(id))
  await jobs.end(running, { status: 'failed', error: jobError('provider_failed'), outputs: [] })
  signs.push(await signOf(id))
  expect(new Set(signs).size).toBe(signs.length)
})

test('many jobs are read at once, in order, and those that are gone have a sign of their own', async () => {
  const [first, second] = [await acceptJob(house), await submitJob(house, 'task-2')]
  const gone = newJobId(Date.now())
  expect(await readJobSigns(house, [second.id, gone, first.id])).toEqual([jobSign(second), GONE, jobSign(first)])
})
