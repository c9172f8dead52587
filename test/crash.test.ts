import { createKeys } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts'

/** A vanished worker's messages return after the lock and two checks; nothing else waits. */
const FAST_RECOVERY = {
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '400',
  SUBMIT_TIMEOUT_MS: '500',
  // A process may die between a change of status and its message; reconcile is what sends that one.
  RECONCILE_AFTER_MS: '3000',
  RECONCILE_INTERVAL_MS: '500',
}
let house: House
let victim: WorkerProcess
let redis: Redis | undefined
afterEach(async () => {
  victim.child.kill('SIGKILL')
  await victim.exited
  redis?.disconnect()
  await house.close()
})

// Every point of a job's way at which a process may vanish is in sweep.test.ts.
test('8 kill -9 of a worker with many tasks in flight: every look is resumed within the lease (I1, I2)', async () => {
  house = await openHouse({
    workers: 0,
    env: FAST_RECOVERY,
    simulator: { clock: { speed: 10 }, runway: { concurrency: null } },
  })
  const env = { ...house.env, SPEED: '10' }
  victim = await startWorkerProcess(env)
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

test('9 a job whose copy took twenty workers down is ended as poisoned and told, and the others go on (I1, I3, I11)', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 20, n: 1 }, { promptIncludes: 'poison' })
  victim = await startWorkerProcess(house.env)
  const [poison, harmless] = await Promise.all([house.post({ prompt: 'poison' }), house.post({ prompt: 'harmless' })])
  redis = new Redis(house.redis.url)
  const record = createKeys(house.env.KEY_PREFIX).job(poison.id)
  await expect.poll(() => redis?.hget(record, 'copyRuns'), { interval: 10, timeout: 10_000 }).toBe('1')
  victim.child.kill('SIGKILL')
  await victim.exited
  expect(await redis.hincrby(record, 'copyRuns', 20)).toBe(21)

  await house.addWorker()
  const job = await house.ended(poison.id, 25_000)
  expect(job).toMatchObject({ status: 'failed', error: { code: 'poisoned' } })
  expect((await house.webhook(poison.id)).data).toEqual(job)
  expect((await house.ended(harmless.id)).status).toBe('succeeded')
  house.assertHonest()
})
