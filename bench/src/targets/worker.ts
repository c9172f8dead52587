import { createHash } from 'node:crypto'
import type { Storage } from '@genqueue/storage'
import { readWorkerConfig, type Seams, startWorker } from '@genqueue/worker'
import { pino } from 'pino'
import { look, tellPolls } from './poll-tally.ts'

/**
 * The worker with parts of the outside world inside its own process, where they cost nothing: a bucket that counts
 * and forgets, and (VENDOR=inside) a vendor that says RUNNING and counts how often.
 */
const config = readWorkerConfig(process.env)
const storage = (real: Storage): Storage => ({
  put: async (key, body, { contentType }) => {
    const sha256 = createHash('sha256')
    let bytes = 0
    for await (const chunk of body) {
      sha256.update(chunk)
      bytes += chunk.byteLength
    }
    return { key, bytes, sha256: sha256.digest('hex'), contentType }
  },
  head: (key, options) => real.head(key, options),
  get: (key, options) => real.get(key, options),
  delete: (key) => real.delete(key),
  presign: (key, options) => real.presign(key, options),
  list: (prefix) => real.list(prefix),
  check: (signal) => real.check(signal),
  close: () => real.close(),
})
const inside: Seams = {
  provider: (real) => ({
    ...real,
    poll: async () => {
      look()
      return { kind: 'waiting', phase: 'running', upstreamStatus: 'RUNNING', progress: 0.4 }
    },
  }),
}
const seams = { storage, ...(process.env.VENDOR === 'inside' && inside) }
const worker = await startWorker(config, pino({ level: config.LOG_LEVEL }), seams)
process.once('SIGTERM', () => void worker.stop().then(() => process.exit(0)))
tellPolls()
