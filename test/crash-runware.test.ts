import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'
import { IMAGE, openWaitingJobs, type WaitingJobs } from './waiting-jobs.ts'

const FAST_RECOVERY = { LOCK_DURATION_MS: '700', STALLED_INTERVAL_MS: '300', SUBMIT_TIMEOUT_MS: '500' }

let house: House
let waiting: WaitingJobs
afterEach(async () => {
  await waiting.close()
  await house.close()
})

test('a worker that must end hands the creates back that it waits for; another one finds what came of them', async () => {
  const patient = { ...FAST_RECOVERY, WAIT_TIMEOUT_MS: '60000', SHUTDOWN_GRACE_MS: '200' }
  house = await openHouse({ env: patient, simulator: { runware: { imageMs: 60_000 } } })
  waiting = await openWaitingJobs(house)
  const { runware } = house.simulator
  const id = await waiting.accept('imageInference', { ...IMAGE, positivePrompt: 'handed back' })
  await expect.poll(() => runware.ledger().entries, { interval: 5 }).toHaveLength(1)
  await house.workers[0]?.stop()
  expect((await house.get(id)).status).toBe('ambiguous')
  await house.addWorker()
  const job = await house.ended(id, 25_000)
  expect(job).toMatchObject({ status: 'succeeded', error: null })
  expect(job.outputs.map(({ sha256 }) => sha256)).toEqual([runware.expectedOutput(job.task_id ?? '').sha256])
  expect((await house.webhook(id)).data).toEqual(job)
  expect(runware.ledger().entries).toMatchObject([{ taskUUID: job.task_id, charges: 1 }])
  house.assertHonest()
})
