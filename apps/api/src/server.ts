import { createKeys, Jobs, keptByReplica, Outbox, openQueues, readJobSigns } from '@genqueue/jobs'
import { countEnded, createMetrics, watchRedis } from '@genqueue/metrics'
import { openStorage } from '@genqueue/storage'
import { openTracing, traceEnded } from '@genqueue/tracing'
import type { Logger } from 'pino'
import { openAccounts } from './access/accounts.ts'
import { createProviderKeys } from './access/provider-keys.ts'
import { createApp } from './app.ts'
import type { AppDeps } from './app-deps.ts'
import type { ApiConfig } from './config.ts'
import { EndedJobs } from './ended-jobs.ts'
import { JobEvents } from './events/job-events.ts'
import { JobWatches } from './events/job-watches.ts'
import { EndWaits } from './events/wait-for-end.ts'
import { StoredFiles } from './files/stored-files.ts'
import { sweepFiles } from './files/sweep-files.ts'
import { openListener } from './listener.ts'
import { createReadiness } from './readiness.ts'
import { createRedis } from './redis.ts'

/** Within what commands are given: see `createRedis`. */
const REPLICA_TIMEOUT_MS = 100

/** `adminUrl` is where the routes of administrators are; the same as `url` unless they have a port of their own. */
export type RunningApi = { url: string; adminUrl: string; close(): Promise<void> }

/**
 * Opens Redis and storage and listens. Starts while Redis is away: requests are answered 503 and readiness is red until
 * it comes. `close()` stops accepting, lets requests finish within the grace and closes what was opened; it never rejects.
 */
export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const closing = new AbortController()
  const keys = createKeys(config.keyPrefix)
  const storage = openStorage(config.storageUrl, config.s3)
  const redis = createRedis(config.redisUrl)
  watch(redis, log)
  const metrics = createMetrics('api')
  watchRedis(metrics, redis)
  const tracing = await openTracing(config.tracing, log)
  await redis.connect().catch(() => undefined)
  const queues = openQueues(redis, keys)
  const files = new StoredFiles({ redis, prefix: keys.prefix })
  const stopSweeping = sweepFiles({ files, storage, log })

  const accounts = openAccounts({ redis, subscriber: createRedis(config.redisUrl), keys, config, log })
  accounts.changes.start()

  const { audit, endpoints } = accounts.parts
  const providerKeys = createProviderKeys({ redis, prefix: keys.prefix, config, audit, endpoints, log })

  const opened = providerKeys.checkAtStart().then(() => openListeners(config))
  const { listener, adminListener } = await opened.catch(async (error: unknown) => {
    accounts.changes.close()
    await stopSweeping()
    redis.disconnect()
    await storage.close()
    throw error
  })
  const stopKeepingKeys = providerKeys.keepInOrder()
  const publicUrl = config.publicUrl ?? `http://localhost:${listener.port}`
  const jobs = new Jobs({
    redis,
    queues,
    keys,
    publicUrl,
    onEnded(ended) {
      countEnded(metrics, ended)
      traceEnded(tracing, ended)
    },
    ...(config.isReplicated && { durability: keptByReplica({ redis, keys, timeoutMs: REPLICA_TIMEOUT_MS }) }),
  })
  const watches = new JobWatches({
    get: (id) => jobs.get(id),
    signs: (ids) => readJobSigns({ redis, keys }, ids),
  })
  // A connection that listens can do nothing else.
  const ended = new EndedJobs({
    redis: createRedis(config.redisUrl),
    channel: keys.ended,
    onEnd: (id) => watches.heard(id),
  })
  ended.start()
  const onRefused = (reason: string) => metrics.count('ssrf_blocked_total', { stage: 'caller_url', reason })
  const deps: AppDeps = {
    config: { ...config, egress: { ...config.egress, onRefused } },
    publicUrl,
    jobs,
    files,
    waits: new EndWaits({ watches }),
    events: new JobEvents({ watches, publicUrl, closing: closing.signal }),
    outbox: new Outbox({ redis, keys }),
    redis,
    keys,
    storage,
    ...accounts.parts,
    providerKeys,
    readiness: createReadiness({
      redis,
      keys,
      storage,
      log,
      isProduction: config.isProduction,
      needsReplica: config.isReplicated,
      missingKids: providerKeys.missingKids,
      closing: closing.signal,
    }),
    metrics,
    tracing,
    log,
    closing: closing.signal,
  }
  listener.serve(createApp(deps, adminListener ? 'public' : 'all'))
  adminListener?.serve(createApp(deps, 'admin'))
  const { url } = listener
  const adminUrl = adminListener?.url ?? url
  log.info({ url, adminUrl, publicUrl }, 'listening')

  let closed: Promise<void> | undefined
  const close = async () => {
    closing.abort()
    await Promise.all([listener, adminListener].map((each) => each?.drain(config.shutdownGraceMs)))
    ended.close()
    accounts.changes.close()
    await Promise.all([stopSweeping(), stopKeepingKeys()])
    await queues.close().catch((err: unknown) => log.warn({ err }, 'closing the queues failed'))
    await redis.quit().catch(() => redis.disconnect())
    await storage.close()
    await tracing?.close()
    log.info('closed')
  }
  return {
    url,
    adminUrl,
    close() {
      closed ??= close()
      return closed
    },
  }
}

/** Tells once when Redis goes and when it is back, not at every attempt between. */
function watch(redis: ReturnType<typeof createRedis>, log: Logger): void {
  let isAway = false
  redis.on('error', (err) => {
    if (!isAway) log.error({ err }, 'Redis is away')
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) log.info('Redis is back')
    isAway = false
  })
}

async function openListeners({ host, port, adminPort }: Pick<ApiConfig, 'host' | 'port' | 'adminPort'>) {
  const listener = await openListener(host, port)
  if (adminPort === undefined) return { listener }
  try {
    return { listener, adminListener: await openListener(host, adminPort) }
  } catch (error) {
    await listener.drain(0)
    throw error
  }
}
