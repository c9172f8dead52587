import type { Provider } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import { readWorkerConfig, type Seams, startWorker } from '@genqueue/worker'
import { pino } from 'pino'

/** Where the process is killed, as `kill -9` would: nothing of ours runs afterwards. */
export type CrashPoint =
  | 'before intent'
  | 'before create'
  | 'after answer'
  | 'after poll'
  | 'mid copy'
  | 'before end'
  | 'after end'
  | 'after webhook'

function dieAt(point: CrashPoint, here: CrashPoint): void {
  if (point === here) process.kill(process.pid, 'SIGKILL')
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
        const stored = await storage.put(key, point === 'mid copy' ? dyingMidway(body) : body, options)
        dieAt(point, 'before end')
        return stored
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
  }
}

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
