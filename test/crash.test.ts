import { afterEach, expect, test } from 'vitest'
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
let house: House
afterEach(() => house.close())

// Every point of a job's way at which a process may vanish is in sweep.test.ts.
test('kill -9 of the worker while it hands an input to the vendor: it is handed over again, and the job is made once', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.latency({ minMs: 100_000, maxMs: 100_000, seed: 'slow' })
  const victim = await startWorkerProcess({ ...house.env, SUBMIT_TIMEOUT_MS: '60000' })
  const promptImage = `data:image/png;base64,${PNG.toString('base64')}`
  const input = { model: 'gen4.5', promptText: 'with an image', promptImage, ratio: '1280:720', duration: 5 }
  const { id } = await house.post({ operation: 'image_to_video', input })
  const isHandedOver = () => house.simulator.journal().some(({ path }) => path.endsWith('/uploads'))
  await expect.poll(isHandedOver, { interval: 10 }).toBe(true)
  victim.child.kill('SIGKILL')
  await victim.exited
  house.simulator.runway.latency(undefined)

  await house.addWorker()
  expect((await house.ended(id, 25_000)).status).toBe('succeeded')
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

/** A small real PNG, repeated in a comment chunk until it is too long to stay in the request. */
const PNG = Buffer.concat([
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
  Buffer.alloc(8_000),
])
