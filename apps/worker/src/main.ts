import { createLog } from '@genqueue/log'
import { readWorkerConfig, type WorkerConfig } from './config.ts'
import { startWorker } from './worker.ts'

let config: WorkerConfig
try {
  config = readWorkerConfig(process.env)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(2)
}
const { log, close: closeLog } = createLog({ service: 'genqueue-worker', level: config.LOG_LEVEL })
const worker = await startWorker(config, log).catch((err: unknown) => {
  log.error({ err }, 'the worker did not start')
  closeLog()
  process.exit(1)
})

let signals = 0
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    signals += 1
    if (signals > 1) process.exit(1)
    worker.stop().then(
      () => {
        closeLog()
        process.exit(0)
      },
      (error) => {
        log.error({ err: error }, 'stopping failed')
        closeLog()
        process.exit(1)
      },
    )
  })
}
