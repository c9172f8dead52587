import type { ApiKeys, Audit, AuditLog, Teams, WebhookEndpoints } from '@genqueue/accounts'
import type { Jobs, Keys, Outbox } from '@genqueue/jobs'
import type { Metrics } from '@genqueue/metrics'
import type { Storage } from '@genqueue/storage'
import type { Tracing } from '@genqueue/tracing'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Authenticate } from './access/authenticate.ts'
import type { ProviderKeys } from './access/provider-keys.ts'
import type { ApiConfig } from './config.ts'
import type { JobEvents } from './events/job-events.ts'
import type { EndWaits } from './events/wait-for-end.ts'
import type { StoredFiles } from './files/stored-files.ts'
import type { Readiness } from './readiness.ts'

/** Everything the routes work with; `server.ts` opens it, tests may too. */
export type AppDeps = {
  config: Pick<
    ApiConfig,
    | 'corsOrigins'
    | 'egress'
    | 'fileRetentionMs'
    | 'hookSecret'
    | 'imageWaitMs'
    | 'jobDefaults'
    | 'adminPort'
    | 'allowKeyless'
    | 'limits'
    | 'metricsToken'
    | 'pollAfterMs'
    | 'presignSeconds'
    | 'prices'
    | 'publicUrl'
    | 'trustProxyHops'
    | 'webhookPublicKeys'
  >
  /** Where callers reach this API; stands in URLs we hand out. */
  publicUrl: string
  jobs: Jobs
  redis: Redis
  keys: Keys
  storage: Storage
  files: StoredFiles
  waits: EndWaits
  events: JobEvents
  endpoints: WebhookEndpoints
  outbox: Outbox
  authenticate: Authenticate
  apiKeys: ApiKeys
  teams: Teams
  /** Tells the log and the audit log of a change that an administrator made; never rejects. */
  audit: Audit
  auditLog: AuditLog
  providerKeys: ProviderKeys
  readiness: Readiness
  metrics: Metrics
  tracing?: Tracing | undefined
  log: Logger
  /** Aborts when the process is to end: whoever waits answers now. */
  closing: AbortSignal
  now?: () => number
}
