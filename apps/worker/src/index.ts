export { readWorkerConfig, type WorkerConfig } from './config.ts'
export type { Log } from './log.ts'
export { type RunningWorker, type Seams, startWorker } from './worker.ts'
