import type { Jobs, Keys } from '@genqueue/jobs'
import type { Storage } from '@genqueue/storage'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Authenticate } from './authenticate.ts'
import type { ApiConfig } from './config.ts'
import type { Readiness } from './readiness.ts'

/** Everything the routes work with; `server.ts` opens it, tests may too. */
export type AppDeps = {
  config: Pick<ApiConfig, 'egress' | 'jobDefaults' | 'limits' | 'pollAfterMs' | 'presignSeconds'>
  /** Where callers reach this API; stands in URLs we hand out. */
  publicUrl: string
  jobs: Jobs
  redis: Redis
  keys: Keys
  storage: Storage
  authenticate: Authenticate
  readiness: Readiness
  log: Logger
  /** Aborts when the process is to end: whoever waits answers now. */
  closing: AbortSignal
  now?: () => number
}
