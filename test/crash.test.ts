import { afterEach, expect, test } from 'vitest'
import type { JobCrashPoint } from './crash-worker.ts'
import { type House, openHouse } from './house.ts'
import { startWorkerProcess } from './worker-process.ts'

/** A vanished worker's messages return after the lock and two checks; nothing else waits. */
const FAST_RECOVERY = {
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '400',
  SUBMIT_TIMEOUT_MS: '500',
  // A process may die between a change of status and its message; reconcile is what sends that one.
  RECONCILE_AFTER_MS: '3000',
  RECONCILE_INTERVAL_MS: '500',
}
const JOBS = 4

let house: House
afterEach(() => house.close())

/** What each of the jobs that were on the wire may have become, and how many tasks the vendor may have made of it. */
const EXPECTED: Record<JobCrashPoint, { statuses: string[]; codes: (string | undefined)[]; tasks: number[] }> = {
  'before intent': { statuses: ['succeeded'], codes: [undefined], tasks: [1] },
  // The intent is written, so nobody can know that the request was not sent: never pay twice.
  'before create': { statuses: ['failed', 'succeeded'], codes: ['submission_unknown', undefined], tasks: [0, 1] },
  'after answer': { statuses: ['failed', 'succeeded'], codes: ['submission_unknown', undefined], tasks: [0, 1] },
  // A slow machine may still have others of the batch on the wire when the first look is answered.
  'after poll': { statuses: ['succeeded', 'failed'], codes: [undefined, 'submission_unknown'], tasks: [0, 1] },
  'mid copy': { statuses: ['succeeded'], codes: [undefined], tasks: [1] },
  'before end': { statuses: ['succeeded'], codes: [undefined], tasks: [1] },
  'after end': { statuses: ['succeeded'], codes: [undefined], tasks: [1] },
  'after webhook': { statuses: ['succeeded'], codes: [undefined], tasks: [1] },
}
const POINTS = Object.keys(EXPECTED) as JobCrashPoint[] // the keys of the record above

test.each(POINTS)(
  'kill -9 of the worker %s: every job ends once, with its webhook, and none is charged twice',
  async (point) => {
    house = await openHouse({ workers: 0, env: FAST_RECOVERY, simulator: bigOutputs() })
    const victim = await startWorkerProcess(house.env, point)
    const image = `data:image/png;base64,${PNG.toString('base64')}`
    const input = { model: 'gen4.5', promptImage: image, ratio: '1280:720', duration: 5 }
    const posts = Array.from({ length: JOBS }, (_, index) =>
      house.post({ operation: 'image_to_video', input: { ...input, promptText: `job ${index}` } }),
    )
    const ids = (await Promise.all(posts)).map(({ id }) => id)
    expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })

    await house.addWorker()
    for (const [index, id] of ids.entries()) {
      const job = await house.ended(id, 25_000)
      const { statuses, codes, tasks } = EXPECTED[point]
      expect(statuses).toContain(job.status)
      expect(codes).toContain(job.error?.code)
      expect(tasks).toContain(house.simulator.runway.ledger().markers[`job ${index}`]?.tasks ?? 0)
      expect((await house.webhook(id)).data).toEqual(job)
      if (job.status === 'succeeded') {
        expect(job.outputs[0]?.sha256).toBe(house.simulator.runway.expectedOutput(job.task_id ?? '').sha256)
      }
    }
    house.assertHonest()
  },
)

test('kill -9 of the worker while the create is on the wire: the job fails as unknown and is not sent again', async () => {
  house = await openHouse({ workers: 0, env: { ...FAST_RECOVERY, SUBMIT_TIMEOUT_MS: '60000' } })
  house.simulator.runway.fault('create.accept_then_hang', {}, { promptIncludes: 'on the wire' })
  const victim = await startWorkerProcess(house.env)
  const { id } = await house.post({ prompt: 'on the wire' })
  await expect.poll(() => house.simulator.runway.ledger().markers['on the wire']?.tasks, { interval: 10 }).toBe(1)
  victim.child.kill('SIGKILL')
  await victim.exited

  await house.addWorker({ SUBMIT_TIMEOUT_MS: '500' })
  expect((await house.ended(id, 25_000)).error).toMatchObject({ code: 'submission_unknown', retryable: true })
  expect(house.simulator.runway.ledger().markers['on the wire']?.requests).toBe(1)
  await house.webhook(id)
  house.assertHonest()
})

test('kill -9 of a worker with many tasks in flight: every look is resumed within the lease', async () => {
  house = await openHouse({
    workers: 0,
    env: FAST_RECOVERY,
    simulator: { clock: { speed: 10 }, runway: { concurrency: null } },
  })
  const env = { ...house.env, SPEED: '10' }
  const victim = await startWorkerProcess(env)
  const ids = (await Promise.all(Array.from({ length: 40 }, (_, n) => house.post({ prompt: `flight ${n}` })))).map(
    ({ id }) => id,
  )
  await expect
    .poll(async () => (await Promise.all(ids.map(house.get))).every(({ status }) => status === 'submitted'))
    .toBe(true)
  victim.child.kill('SIGKILL')
  await victim.exited
  const killedAtMs = Date.now()
  await house.addWorker({ SPEED: '10' })
  const before = new Map(house.simulator.runway.tasks().map(({ taskId, polls }) => [taskId, polls]))
  const isResumed = () => house.simulator.runway.tasks().every(({ taskId, polls }) => polls > (before.get(taskId) ?? 0))
  await expect.poll(isResumed, { timeout: 8_000, interval: 20 }).toBe(true)
  // POLL_TIMEOUT_MS and the lease's margin are a second each; the new worker needs a moment to look.
  expect(Date.now() - killedAtMs).toBeLessThan(4_000)
  for (const id of ids) expect((await house.ended(id)).status).toBe('succeeded')
  house.assertHonest()
})

function bigOutputs() {
  return { runway: { minOutputBytes: 3_000_000 } }
}

/** A small real PNG, repeated in a comment chunk until it is too long to stay in the request. */
const PNG = Buffer.concat([
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
  Buffer.alloc(8_000),
])
