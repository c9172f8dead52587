import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from '../house.ts'
import { startWorkerProcess } from '../worker-process.ts'

const FAST_RECOVERY = {
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '300',
  SUBMIT_TIMEOUT_MS: '500',
  RECONCILE_AFTER_MS: '2000',
}
const HOUR_MS = 3_600_000
const MB = 1024 * 1024

const PATIENT = { interval: 10, timeout: 10_000 }

let house: House
let started: { child: ChildProcess; exited: Promise<unknown> }[] = []
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.map(({ exited }) => exited))
  started = []
  await house.close()
})

const requestsOf = (prompt: string) => house.simulator.runway.ledger().markers[prompt]?.requests ?? 0
async function startProcess(env: Record<string, string> = {}) {
  const worker = await startWorkerProcess({ ...house.env, ...env })
  started.push(worker)
  return worker
}

const stateOf = async (id: string) => (await house.get(id)).status

test('11 a worker that stood still for longer than its lock comes back too late: its jobs stay as others have ended them (I1, I2)', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 600, n: 1 })
  const frozen = await startProcess({ SUBMIT_TIMEOUT_MS: '60000' })
  const copied = await house.post({ prompt: 'copied twice' })
  await expect.poll(() => stateOf(copied.id), PATIENT).toBe('generated')
  house.simulator.runway.latency({ minMs: 50_000, maxMs: 50_000, seed: 'slow' })
  const sent = await house.post({ prompt: 'on the wire' })
  await expect.poll(() => stateOf(sent.id), PATIENT).toBe('submitting')
  frozen.child.kill('SIGSTOP')
  await house.addWorker()
  const ended = [await house.ended(copied.id), await house.ended(sent.id)]
  expect(ended.map(({ error }) => error?.code)).toEqual([undefined, 'submission_unknown'])
  house.simulator.runway.latency(undefined)
  frozen.child.kill('SIGCONT')
  const redis = new Redis(house.redis.url)
  // The task of its create belongs to nobody.
  await expect.poll(() => redis.llen(`${house.env.KEY_PREFIX}:orphans`), PATIENT).toBe(1)
  redis.disconnect()
  await end(frozen)
  expect([await house.get(copied.id), await house.get(sent.id)]).toEqual(ended)
  for (const { id } of ended) await house.webhook(id)
  for (const { tasks } of Object.values(house.simulator.runway.ledger().markers)) expect(tasks).toBe(1)
  expect(house.simulator.store.openUploads()).toEqual([])
})

test('12 two workers run one job, because its lock was lost: one create, one end (I1, I2, I4)', async () => {
  house = await openHouse({ workers: 2, env: { ...FAST_RECOVERY, SUBMIT_TIMEOUT_MS: '10000' } })
  house.simulator.runway.latency({ minMs: 200_000, maxMs: 200_000, seed: 'slow' })
  const { id } = await house.post({ prompt: 'two workers' })
  await expect.poll(() => stateOf(id), PATIENT).toBe('submitting')
  const redis = new Redis(house.redis.url)
  const takeLocks = async () => {
    const locks = await redis.keys(`${house.env.KEY_PREFIX}:bq:*:lock`)
    if (locks.length > 0) await redis.del(...locks)
    return stateOf(id)
  }
  // The second one finds an intent that is not its own.
  await expect.poll(takeLocks, { interval: 50, timeout: 10_000 }).toBe('ambiguous')
  redis.disconnect()
  house.simulator.runway.latency(undefined)
  expect((await house.ended(id)).status).toBe('succeeded')
  expect(requestsOf('two workers')).toBe(1)
  house.assertHonest()
})

test('20 SIGTERM during a large copy: its parts are aborted, and another worker has it at once, long before the lock ends (I4, I10)', async () => {
  const slow = { LOCK_DURATION_MS: '60000', STALLED_INTERVAL_MS: '20000', RECONCILE_AFTER_MS: '60000' }
  house = await openHouse({
    workers: 0,
    env: { ...slow, SHUTDOWN_GRACE_MS: '1000' },
    simulator: { runway: { minOutputBytes: 40 * MB } },
  })
  // Forty megabytes in eight seconds of ours, the first time.
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 50_000, n: 1 })
  const first = await startProcess()
  const { id } = await house.post({ prompt: 'large copy' })
  const parts = () => house.simulator.store.openUploads().map((upload) => upload.parts)
  await expect.poll(parts, PATIENT).toEqual([2])
  await end(first)
  expect(parts()).toEqual([])
  expect(await stateOf(id)).toBe('generated')
  const endedMs = performance.now()
  await house.addWorker()
  const { outputs, task_id: taskId } = await house.ended(id)
  expect(performance.now() - endedMs).toBeLessThan(10_000)
  expect(outputs.map(({ sha256 }) => sha256)).toEqual([house.simulator.runway.expectedOutput(taskId ?? '').sha256])
  expect([parts(), house.simulator.store.objects().length]).toEqual([[], 1])
  house.assertHonest()
})

const GOOD_ORDER = { SHUTDOWN_GRACE_MS: '300' }
test.each<[string, { signals: NodeJS.Signals[]; exit: unknown[]; env?: Record<string, string> }]>([
  ['SIGTERM twice ends a worker at once', { signals: ['SIGTERM', 'SIGTERM'], exit: [1, null] }],
  ['SIGINT twice ends a worker at once', { signals: ['SIGINT', 'SIGINT'], exit: [1, null] }],
  ['SIGINT ends a worker in good order', { signals: ['SIGINT'], exit: [0, null], env: GOOD_ORDER }],
  ['SIGKILL before the grace is over', { signals: ['SIGTERM', 'SIGKILL'], exit: [null, 'SIGKILL'] }],
])('21 %s: another one finishes what it had (I1, I2, I10)', async (name, { signals, exit, env = {} }) => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 20, n: 1 })
  const main = fileURLToPath(new URL('../../apps/worker/src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main], { env: { ...process.env, ...house.env, ...env }, stdio: 'ignore' })
  const exited = once(child, 'exit')
  started.push({ child, exited })
  const { id } = await house.post({ prompt: name })
  await expect.poll(() => stateOf(id), PATIENT).toBe('generated')
  const [first = 'SIGTERM', second] = signals
  child.kill(first)
  const again = setInterval(() => second && child.kill(second), 200)
  expect(await exited).toEqual(exit)
  clearInterval(again)
  await house.addWorker()
  expect((await house.ended(id)).status).toBe('succeeded')
  house.assertHonest()
})

test('the clock of a worker jumps an hour ahead and back: no job is lost, and the vendor is not asked more often', async () => {
  house = await openHouse({
    workers: 0,
    env: { ...FAST_RECOVERY, RUNNING_DEADLINE_SECONDS: '86400', QUEUE_DEADLINE_SECONDS: '86400' },
    simulator: { clock: { speed: 50 } },
  })
  const child = fork(fileURLToPath(new URL('../crash-worker.ts', import.meta.url)), [], {
    env: { ...process.env, ...house.env, SPEED: '50' },
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      '--import',
      new URL('../jumping-clock.ts', import.meta.url).href,
    ],
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  started.push({ child, exited })
  await once(child, 'message')
  const ids: string[] = []
  const startedMs = performance.now()
  for (const [n, offsetMs] of [HOUR_MS, -HOUR_MS].entries()) {
    child.send({ offsetMs })
    for (let m = 0; m < 2; m += 1) ids.push((await house.post({ prompt: `jump ${n} ${m}` })).id)
    await expect.poll(() => stateOf(ids.at(-1) ?? ''), PATIENT).not.toBe('queued')
  }
  for (const id of ids) expect(await house.ended(id)).toMatchObject({ status: 'succeeded' })
  // Five seconds between looks are 100 ms here.
  const most = Math.ceil((performance.now() - startedMs) / 100) + 1
  for (const { polls } of house.simulator.runway.tasks()) expect(polls).toBeLessThanOrEqual(most)
  await end({ child, exited })
  house.assertHonest()
})

/** Ends as it should. */
async function end({ child, exited }: { child: ChildProcess; exited: Promise<unknown> }) {
  child.kill('SIGTERM')
  expect(await exited).toMatchObject({ code: 0 })
}
