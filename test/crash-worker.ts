import type { Provider } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import { type Leases, readWorkerConfig, type Seams, startWorker } from '@genqueue/worker'
import { pino } from 'pino'

/** Where the process is killed, as `kill -9` would: nothing of ours runs afterwards. */
export type CrashPoint = JobCrashPoint | DeliveryCrashPoint
export type JobCrashPoint =
  | 'before intent'
  | 'before create'
  | 'after answer'
  | 'after poll'
  | 'mid copy'
  | 'before end'
  | 'after end'
  | 'after webhook'
export type DeliveryCrashPoint = 'before claim' | 'after claim' | 'before record' | 'after record'

/** How many times it gets past the point first; the seed of a run. */
const spare = { times: Number(process.env.CRASH_AFTER ?? 0) }

function dieAt(point: CrashPoint, here: CrashPoint): void {
  if (point !== here) return
  if (spare.times === 0) process.kill(process.pid, 'SIGKILL')
  spare.times -= 1
}

function crashing(point: CrashPoint): Seams {
  return {
    provider: (provider): Provider => ({
      ...provider,
      async prepareInput(input, call) {
        dieAt(point, 'before intent')
        return provider.prepareInput(input, call)
      },
      async submit(task, call) {
        dieAt(point, 'before create')
        const outcome = await provider.submit(task, call)
        dieAt(point, 'after answer')
        return outcome
      },
      ...(provider.submitAndWait && {
        async submitAndWait(task, call) {
          dieAt(point, 'before create')
          const outcome = await provider.submitAndWait?.(task, call)
          dieAt(point, 'after answer')
          return outcome ?? { kind: 'unknown', detail: 'cannot be' }
        },
      }),
      async poll(taskId, call, look) {
        const outcome = await provider.poll(taskId, call, look)
        dieAt(point, 'after poll')
        return outcome
      },
      ...(provider.pollMany && {
        async pollMany(looks, call) {
          const outcomes = await provider.pollMany?.(looks, call)
          dieAt(point, 'after poll')
          return outcomes ?? new Map()
        },
      }),
    }),
    storage: (storage): Storage => ({
      put: async (key, body, options) => {
        const object = await storage.put(key, point === 'mid copy' ? dyingMidway(body) : body, options)
        dieAt(point, 'before end')
        stored += 1
        return object
      },
      head: (key, options) => storage.head(key, options),
      get: (key, options) => storage.get(key, options),
      delete: (key) => storage.delete(key),
      presign: (key, options) => storage.presign(key, options),
      list: (prefix) => storage.list(prefix),
      check: (signal) => storage.check(signal),
      close: () => storage.close(),
    }),
    sendWebhook: (send) => async (call) => {
      dieAt(point, 'after end')
      const answer = await send(call)
      dieAt(point, 'after webhook')
      return answer
    },
    leases: (leases): Leases => ({
      async lease(options) {
        // An idle sender asks all the time: only once there are ends of jobs to tell.
        if (stored > 0) dieAt(point, 'before claim')
        const leased = await leases.lease(options)
        if (leased.deliveries.length > 0) dieAt(point, 'after claim')
        return leased
      },
      async record(sent) {
        dieAt(point, 'before record')
        const written = await leases.record(sent)
        dieAt(point, 'after record')
        return written
      },
    }),
  }
}

/** Outputs that were stored; the ends of their jobs follow. */
let stored = 0

async function* dyingMidway(body: AsyncIterable<Uint8Array>) {
  let chunks = 0
  for await (const chunk of body) {
    yield chunk
    chunks += 1
    if (chunks === 3) process.kill(process.pid, 'SIGKILL')
  }
}

const point = process.env.CRASH_AT
const seams = point ? crashing(point as CrashPoint) : {} // the test's own word
const worker = await startWorker(
  readWorkerConfig(process.env),
  pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
  seams,
)
process.on('SIGTERM', () => {
  process.send?.('draining')
  void worker.stop().then(() => process.exit(0))
})
process.send?.('ready')
