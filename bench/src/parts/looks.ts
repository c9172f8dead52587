import { setTimeout as delay } from 'node:timers/promises'
import { createKeys, Jobs, type NewJob, openQueues } from '@genqueue/jobs'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { Redis } from 'ioredis'
import type { Context } from '../context.ts'
import { benchJob } from '../fill-in-flight.ts'
import { microseconds, type Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'
import { startWorker } from '../worker.ts'

const TASKS = 1_000
/** Divides the waits of worker and vendors alike, so that a look comes once or twice a second. */
const SPEED = 5
const NEVER_MS = 1e9

type Vendor = { name: 'runway' | 'runware'; job(n: number): NewJob; looks(simulator: Simulator): number }

const RUNWAY: Vendor = {
  name: 'runway',
  job: (n) => benchJob(`flying ${n}`),
  looks: ({ runway }) => runway.tasks().reduce((sum, { polls }) => sum + polls, 0),
}
const RUNWARE: Vendor = {
  name: 'runware',
  job: (n) => {
    const { request, ...rest } = benchJob(`flying ${n}`)
    const body = { model: 'klingai:5@3', positivePrompt: `flying ${n}`, duration: 5, width: 1920, height: 1080 }
    return {
      ...rest,
      provider: 'runware',
      operation: 'videoInference',
      model: 'klingai:5@3',
      request: { ...request, body },
    }
  },
  looks: ({ runware }) => runware.tasks().reduce((sum, { polls }) => sum + polls, 0),
}

/** What a look at a task costs over HTTP, one request a task at Runway and one for twenty at Runware. */
export async function looks({ isQuick, say }: Context): Promise<Row[]> {
  const costs: number[] = []
  const rows: Row[] = []
  for (const vendor of [RUNWAY, RUNWARE]) {
    say(`looks: ${TASKS} tasks in flight at ${vendor.name}`)
    const { nodeUs, redisUs, perSecond, requests } = await costOf(vendor, isQuick ? 5 : 12)
    costs.push(nodeUs + redisUs)
    const each = `${microseconds(nodeUs)} + ${microseconds(redisUs)} µs a task`
    rows.push({
      part: 'looks',
      what: `${TASKS} tasks in flight at ${vendor.name}`,
      ...(vendor === RUNWARE && { goal: 'below Runway’s', ok: (costs[1] ?? 0) < (costs[0] ?? 0) }),
      measured: `${each}, ${perSecond.toFixed(0)} tasks/s in ${requests.toFixed(0)} requests/s`,
      ...(vendor === RUNWARE && { ratio: `${((costs[1] ?? 0) / (costs[0] ?? 1)).toFixed(2)}x Runway's` }),
      values: { nodeUs, redisUs, perSecond, requests },
    })
  }
  return rows
}

function costOf(vendor: Vendor, seconds: number) {
  return scoped(async (scope) => {
    const simulator = await startSimulator({
      clock: { speed: SPEED },
      journalLimit: 10,
      runway: { concurrency: null, runningMs: NEVER_MS, validate: false },
      runware: { videoMs: NEVER_MS, validate: false },
    })
    scope.onEnd(() => simulator.close())
    const stand = await scope.stand()
    const env = {
      RUNWAY_API_KEY: simulator.runway.keys[0] ?? '',
      RUNWARE_API_KEY: simulator.runware.keys[0] ?? '',
      RUNWARE_BASE_URL: simulator.runware.url,
      SUBMIT_CONCURRENCY: '64',
    }
    const child = await startWorker(scope, stand, { vendorUrl: simulator.runway.url, speed: SPEED, env })
    await accept(stand, vendor)
    const { redis } = stand
    const inFlight = () => redis.zcard(createKeys().due(vendor.name))
    while ((await inFlight()) < TASKS) await delay(50)
    // The compiler is at work for the first thousands, and the pace settles.
    await delay(4_000)
    const ordinal = () => simulator.journal().at(-1)?.ordinal ?? 0
    const [looksBefore, requestsBefore] = [vendor.looks(simulator), ordinal()]
    const cost = await measure(child, stand, () => delay(seconds * 1000))
    const done = vendor.looks(simulator) - looksBefore
    return {
      nodeUs: cost.nodeUs / done,
      redisUs: cost.redisUs / done,
      perSecond: done / cost.seconds,
      requests: (ordinal() - requestsBefore) / cost.seconds,
    }
  })
}

async function accept({ url }: Stand, vendor: Vendor): Promise<void> {
  const own = new Redis(url, { maxRetriesPerRequest: null })
  const keys = createKeys()
  const queues = openQueues(own, keys)
  const jobs = new Jobs({ redis: own, queues, keys, publicUrl: 'https://queue.example' })
  await Promise.all(Array.from({ length: TASKS }, (_, n) => jobs.accept(vendor.job(n))))
  await queues.close()
  own.disconnect()
}
