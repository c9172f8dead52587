import { pino } from 'pino'
import { readWorkerConfig, type WorkerConfig } from './config.ts'
import { startWorker } from './worker.ts'

let config: WorkerConfig
try {
  config = readWorkerConfig(process.env)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(2)
}
const log = pino({ level: config.LOG_LEVEL, base: { service: 'genqueue-worker' } })
const worker = await startWorker(config, log)

let signals = 0
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    signals += 1
    if (signals > 1) process.exit(1)
    worker.stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  })
}
