export { readWorkerConfig, type WorkerConfig } from './config.ts'
export type { Log } from './log.ts'
export type { Seams } from './outside.ts'
export { type RunningWorker, startWorker } from './worker.ts'
