import { afterEach, expect, test } from 'vitest'
import type { CrashPoint } from './crash-worker.ts'
import { type House, openHouse } from './house.ts'
import { IMAGE, openWaitingJobs, type WaitingJobs } from './waiting-jobs.ts'
import { startWorkerProcess } from './worker-process.ts'

const FAST_RECOVERY = { LOCK_DURATION_MS: '700', STALLED_INTERVAL_MS: '300', SUBMIT_TIMEOUT_MS: '500' }
const VIDEO = { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 }
const JOBS = 3

let house: House
let waiting: WaitingJobs
afterEach(async () => {
  await waiting.close()
  await house.close()
})

const POINTS: CrashPoint[] = ['before create', 'after answer', 'after poll', 'mid copy', 'after end']

test.each(POINTS)('kill -9 of the worker %s: every image and video is made and paid for once', async (point) => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY, simulator: { runware: { minOutputBytes: 3_000_000 } } })
  waiting = await openWaitingJobs(house)
  const victim = await startWorkerProcess(house.env, point)
  const accepts = Array.from({ length: JOBS }, (_, n) => [
    waiting.accept('imageInference', { ...IMAGE, positivePrompt: `image ${n}`, numberResults: 2 }),
    waiting.accept('videoInference', { ...VIDEO, positivePrompt: `video ${n}` }, { waits: false }),
  ])
  const ids = await Promise.all(accepts.flat())
  expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
  await house.addWorker()
  await expectAllOnce(ids)
})

test.each(['image', 'video'])('kill -9 of the worker while the create of one %s is on the wire', async (kind) => {
  house = await openHouse({
    workers: 0,
    env: { ...FAST_RECOVERY, SUBMIT_TIMEOUT_MS: '60000', WAIT_TIMEOUT_MS: '60000' },
  })
  waiting = await openWaitingJobs(house)
  const { runware } = house.simulator
  const isImage = kind === 'image'
  const prompt = 'on the wire'
  runware.fault('create.accept_then_hang', {}, { promptIncludes: prompt })
  const victim = await startWorkerProcess(house.env)
  const input = { ...(isImage ? IMAGE : VIDEO), positivePrompt: prompt }
  const id = await waiting.accept(isImage ? 'imageInference' : 'videoInference', input, { waits: isImage })
  await expect.poll(() => runware.ledger().markers[prompt]?.tasks, { interval: 10 }).toBe(1)
  victim.child.kill('SIGKILL')
  await victim.exited
  await house.addWorker({ SUBMIT_TIMEOUT_MS: '500' })
  await expectAllOnce([id])
  expect(runware.ledger().markers[prompt]).toEqual({ requests: 2, tasks: 1 })
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
  await expectAllOnce([id])
})

async function expectAllOnce(ids: readonly string[]): Promise<void> {
  const { runware } = house.simulator
  for (const id of ids) {
    const job = await house.ended(id, 25_000)
    expect(job).toMatchObject({ status: 'succeeded', error: null })
    for (const { index, sha256 } of job.outputs) {
      expect(sha256).toBe(runware.expectedOutput(job.task_id ?? '', index).sha256)
    }
    expect((await house.webhook(id)).data).toEqual(job)
    const made = runware.ledger().entries.filter(({ taskUUID }) => taskUUID === job.task_id)
    expect(made.map(({ charges }) => charges)).toEqual([job.outputs.length])
  }
  expect(runware.ledger().entries).toHaveLength(ids.length)
  house.assertHonest()
}
