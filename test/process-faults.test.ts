import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { ADMIN_KEY, type House, openHouse } from './house.ts'
import { asking, SteadyTraffic } from './steady-traffic.ts'
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts'

const FAST_RECOVERY = {
  LOCK_DURATION_MS: '1000',
  STALLED_INTERVAL_MS: '300',
  SUBMIT_TIMEOUT_MS: '500',
  RECONCILE_AFTER_MS: '2000',
}
const HOUR_MS = 3_600_000

let house: House
afterEach(() => house.close())

const requestsOf = (prompt: string) => house.simulator.runway.ledger().markers[prompt]?.requests ?? 0
const stateOf = async (id: string) => (await house.get(id)).status

test('11 a worker that stood still with a create on the wire comes back too late: the job stays as it ended and its task is canceled', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.latency({ minMs: 30_000, maxMs: 30_000, seed: 'slow' })
  const frozen = await startWorkerProcess({ ...house.env, SUBMIT_TIMEOUT_MS: '60000' })
  const { id } = await house.post({ prompt: 'frozen' })
  await expect.poll(() => requestsOf('frozen'), { interval: 5 }).toBe(1)
  frozen.child.kill('SIGSTOP')
  await house.addWorker()
  const ended = await house.ended(id)
  expect(ended.error?.code).toBe('submission_unknown')
  house.simulator.runway.latency(undefined)
  frozen.child.kill('SIGCONT')
  const tasks = () => house.simulator.runway.tasks().map(({ status }) => status)
  await expect.poll(tasks, { interval: 20, timeout: 5_000 }).toEqual(['CANCELLED'])
  expect(await house.get(id)).toEqual(ended)
  expect(requestsOf('frozen')).toBe(1)
  await house.webhook(id)
  await end(frozen)
  house.assertHonest()
})

test('11 a worker that stood still while it copied cannot end the job a second time', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 200, n: 1 })
  const frozen = await startWorkerProcess(house.env)
  const { id } = await house.post({ prompt: 'copied twice' })
  await expect.poll(() => stateOf(id), { interval: 5 }).toBe('generated')
  frozen.child.kill('SIGSTOP')
  await house.addWorker()
  const ended = await house.ended(id)
  expect(ended.status).toBe('succeeded')
  frozen.child.kill('SIGCONT')
  await end(frozen)
  expect(await house.get(id)).toEqual(ended)
  await house.webhook(id)
  expect(house.simulator.store.openUploads()).toEqual([])
  house.assertHonest()
})

test('12 two workers run one job, because its lock was lost: one create, one end', async () => {
  house = await openHouse({ workers: 2, env: { ...FAST_RECOVERY, SUBMIT_TIMEOUT_MS: '10000' } })
  house.simulator.runway.latency({ minMs: 100_000, maxMs: 100_000, seed: 'slow' })
  const { id } = await house.post({ prompt: 'two workers' })
  await expect.poll(() => requestsOf('two workers'), { interval: 5 }).toBe(1)
  const redis = new Redis(house.redis.url)
  const takeLocks = async () => {
    const locks = await redis.keys(`${house.env.KEY_PREFIX}:bq:*:lock`)
    if (locks.length > 0) await redis.del(...locks)
    return stateOf(id)
  }
  // The second one finds an intent that is not its own.
  await expect.poll(takeLocks, { interval: 50, timeout: 5_000 }).toBe('ambiguous')
  redis.disconnect()
  expect((await house.ended(id)).status).toBe('succeeded')
  expect(requestsOf('two workers')).toBe(1)
  house.assertHonest()
})

test('21 a second SIGTERM ends the worker at once, and another one finishes what it had', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 20, n: 1 })
  const main = fileURLToPath(new URL('../apps/worker/src/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main], { env: { ...process.env, ...house.env }, stdio: 'ignore' })
  const { id } = await house.post({ prompt: 'twice told' })
  await expect.poll(() => stateOf(id), { interval: 10, timeout: 10_000 }).toBe('generated')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const told = setInterval(() => child.kill('SIGTERM'), 200)
  expect(await exited).toEqual([1, null])
  clearInterval(told)
  await house.addWorker()
  expect((await house.ended(id)).status).toBe('succeeded')
  house.assertHonest()
})

test('22 three workers are restarted one after the other during traffic: nothing is lost, refused or done twice', async () => {
  house = await openHouse({ workers: 0, env: FAST_RECOVERY, simulator: { runway: { concurrency: null } } })
  let workers = await Promise.all(Array.from({ length: 3 }, () => startWorkerProcess(house.env)))
  const ask = asking(() => house.api.url)
  const webhookUrl = `${house.simulator.receiver.url}/hook`
  const traffic = new SteadyTraffic([{ team: 'default', key: ADMIN_KEY }], { ask, webhookUrl })
  traffic.start(20)
  for (const old of workers.slice()) {
    old.child.kill('SIGTERM')
    const [{ code }, fresh] = await Promise.all([old.exited, startWorkerProcess(house.env)])
    expect(code).toBe(0)
    workers = [...workers.filter((each) => each !== old), fresh]
  }
  await traffic.stop()
  expect(traffic.refusals).toEqual([])
  expect(traffic.sent.length).toBeGreaterThan(30)
  for (const { id } of traffic.sent) expect(await house.ended(id)).toMatchObject({ status: 'succeeded' })
  await Promise.all(workers.map(end))
  house.assertHonest()
})

test('the clock of a worker jumps an hour ahead and back: no job is lost, and the vendor is not asked more often', async () => {
  house = await openHouse({
    workers: 0,
    env: { ...FAST_RECOVERY, RUNNING_DEADLINE_SECONDS: '86400', QUEUE_DEADLINE_SECONDS: '86400' },
    simulator: { clock: { speed: 20 } },
  })
  const child = fork(fileURLToPath(new URL('crash-worker.ts', import.meta.url)), [], {
    env: { ...process.env, ...house.env, SPEED: '20' },
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', new URL('jumping-clock.ts', import.meta.url).href],
  })
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  await once(child, 'message')
  const ids: string[] = []
  const startedMs = performance.now()
  for (const [n, offsetMs] of [0, HOUR_MS, -HOUR_MS, 0].entries()) {
    child.send({ offsetMs })
    for (let m = 0; m < 3; m += 1) ids.push((await house.post({ prompt: `jump ${n} ${m}` })).id)
    await expect.poll(() => stateOf(ids.at(-1) ?? ''), { interval: 20, timeout: 5_000 }).not.toBe('queued')
  }
  for (const id of ids) expect(await house.ended(id)).toMatchObject({ status: 'succeeded' })
  // Five seconds between looks are 250 ms here.
  const most = Math.ceil((performance.now() - startedMs) / 250) + 1
  for (const { polls } of house.simulator.runway.tasks()) expect(polls).toBeLessThanOrEqual(most)
  await end({ child, exited })
  house.assertHonest()
})

async function end({ child, exited }: WorkerProcess | { child: ChildProcess; exited: Promise<unknown> }) {
  child.kill('SIGTERM')
  expect(await exited).toMatchObject({ code: 0 })
}
