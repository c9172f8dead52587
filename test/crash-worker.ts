import { readWorkerConfig, startWorker } from '@genqueue/worker'
import { pino } from 'pino'

/** A worker that tells its parent when it takes jobs and when it begins to drain. */
const worker = await startWorker(readWorkerConfig(process.env), pino({ level: process.env.LOG_LEVEL ?? 'silent' }))
process.on('SIGTERM', () => {
  process.send?.('draining')
  void worker.stop().then(() => process.exit(0))
})
process.send?.('ready')
