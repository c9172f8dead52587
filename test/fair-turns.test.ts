import { createKeys, Jobs, openQueues } from '@genqueue/jobs'
import type { Provider, SubmitOutcome } from '@genqueue/providers'
import { readWorkerConfig, startWorker } from '@genqueue/worker'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { openHouse } from './house.ts'

const FLOOD = 2_000
const LANE = 'gen4.5'

const jobOf = (team: string, prompt: string) => ({
  team,
  provider: 'runway' as const,
  operation: 'text_to_video',
  model: LANE,
  lane: LANE,
  kind: 'video' as const,
  door: 'jobs' as const,
  request: {
    body: { model: LANE, promptText: prompt },
    display: {},
    metadata: {},
    onSubmissionUnknown: 'fail' as const,
    deadlines: { queueMs: 600_000, throttledMs: 600_000, runningMs: 600_000 },
    retentionMs: 60_000,
    inputs: [],
  },
})

/** The house without its worker; one that submits so many jobs at a time, and each ends when the test says so. */
async function openTurns(concurrency = 1) {
  const house = await openHouse({ workers: 0 })
  onTestFinished(() => house.close())
  const redis = new Redis(house.redis.url, { maxRetriesPerRequest: null })
  onTestFinished(() => redis.disconnect())
  const keys = createKeys(house.env.KEY_PREFIX)
  const queues = openQueues(redis, keys)
  onTestFinished(() => queues.close())
  const jobs = new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
  const accept = async (team: string, prompt: string) => {
    const outcome = await jobs.accept(jobOf(team, prompt))
    if (outcome.kind !== 'created') throw new Error(outcome.kind)
    return outcome.job
  }
  const begun: string[] = []
  const waiting: PromiseWithResolvers<SubmitOutcome>[] = []
  let isOver = false
  const provider = ({ limits: _, ...real }: Provider): Provider => ({
    ...real,
    submit({ body }) {
      const answer = Promise.withResolvers<SubmitOutcome>()
      begun.push(String(body.promptText))
      waiting.push(answer)
      if (isOver) settle()
      return answer.promise
    },
  })
  const config = readWorkerConfig({ ...house.env, SUBMIT_CONCURRENCY: String(concurrency), SUBMIT_TIMEOUT_MS: '60000' })
  const worker = await startWorker(config, pino({ level: 'silent' }), { provider })
  house.workers.push(worker)
  const settle = () =>
    waiting.shift()?.resolve({ kind: 'refused', error: { code: 'invalid_input', message: 'no', retryable: false } })
  /** Answers creates, one after the other, until so many have begun. */
  const begin = async (count: number) => {
    while (begun.length < count) {
      settle()
      await expect.poll(() => waiting.length, { interval: 1 }).toBe(1)
    }
  }
  /** Lets go of the worker; what it would begin yet is refused. */
  const release = () => {
    isOver = true
    while (waiting.length > 0) settle()
  }
  return { jobs, accept, begun, waiting, settle, begin, release }
}

test('47 a team with two thousand queued jobs delays the single job of another by less than one turn (I11)', async () => {
  const { accept, begun, begin, release } = await openTurns()
  await Promise.all(Array.from({ length: FLOOD }, (_, n) => accept('flood', `flood ${n}`)))
  await begin(30)
  await accept('single', 'single')
  await begin(33)
  // Thirty have begun, and thousands came before it.
  expect(begun.indexOf('single')).toBe(30)
  release()
})

test('those who wait in line leave a create free for whoever comes', async () => {
  const { jobs, accept, begun, waiting, settle, release } = await openTurns(4)
  const flood = await Promise.all(Array.from({ length: 100 }, (_, n) => accept('flood', `flood ${n}`)))
  // Those that came when nobody waited yet have all four.
  while (begun.length < 75) {
    settle()
    await expect.poll(() => waiting.length, { interval: 1 }).toBeGreaterThanOrEqual(3)
  }
  await expect.poll(() => waiting.length, { interval: 1 }).toBe(3)
  await accept('single', 'single')
  await expect.poll(() => begun, { interval: 1 }).toContain('single')
  await Promise.all(flood.map((job) => jobs.cancel(job)))
  release()
})

test('ten teams that flood share the vendor evenly', async () => {
  const { jobs, accept, begun, begin, release } = await openTurns()
  const flood = await Promise.all(
    Array.from({ length: 500 }, (_, n) => accept(`team-${n < 410 ? 0 : (n % 9) + 1}`, `${n < 410 ? 0 : (n % 9) + 1}`)),
  )
  await begin(60)
  for (let team = 0; team < 10; team += 1) {
    const share = begun.slice(0, 60).filter((each) => each === String(team)).length
    expect(share, `turns of team ${team}`).toBeGreaterThanOrEqual(5)
    expect(share).toBeLessThanOrEqual(8)
  }
  // Wherever each of them stands; the house finds nothing left of them.
  await Promise.all(flood.map((job) => jobs.cancel(job)))
  release()
})

test('jobs wait here while the vendor has no room for them: it sees no more at once, and a wait that ends costs nothing', async () => {
  const house = await openHouse({ simulator: { clock: { speed: 100 }, runway: { concurrency: 2 } } })
  onTestFinished(() => house.close())
  const { runway } = house.simulator
  const jobs = await Promise.all(Array.from({ length: 8 }, (_, n) => house.post({ prompt: `slot ${n}` })))
  const atVendor = async () => (await Promise.all(jobs.map(({ id }) => house.get(id)))).filter(({ task_id: id }) => id)
  await expect.poll(async () => (await atVendor()).length, { interval: 5 }).toBeGreaterThanOrEqual(2)
  const inLine = (await Promise.all(jobs.map(({ id }) => house.get(id)))).find(({ status }) => status === 'queued')
  expect((await house.call('DELETE', `/v1/jobs/${inLine?.id}`)).status).toBe(200)
  for (const { id } of jobs) {
    expect((await house.ended(id)).status).toBe(id === inLine?.id ? 'canceled' : 'succeeded')
    await house.webhook(id)
  }
  const tasks = runway.tasks()
  expect(tasks).toHaveLength(jobs.length - 1)
  // The vendor holds back what exceeds its two: none of these was.
  for (const { createdAtMs, startedAtMs } of tasks) expect(startedAtMs).toBe(createdAtMs)
  house.assertHonest()
})
