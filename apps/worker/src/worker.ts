import { AuditLog } from '@genqueue/accounts'
import {
  createKeys,
  JobCensus,
  type JobRecord,
  Jobs,
  KeyRests,
  type Keys,
  keptByReplica,
  LateCosts,
  openQueues,
  type QueueName,
  type ReconcileAfter,
  reconcile,
  Submissions,
  Turns,
  traceparentOf,
} from '@genqueue/jobs'
import { countEnded, createMetrics, watchRedis } from '@genqueue/metrics'
import { openTracing, traceEnded } from '@genqueue/tracing'
import type { Redis } from 'ioredis'
import { CensusTaker } from './census-taker.ts'
import type { WorkerConfig } from './config.ts'
import { destinationOf } from './destination-of.ts'
import type { Feeder } from './feeder.ts'
import type { Log } from './log.ts'
import { openEndpointBook } from './open-endpoint-book.ts'
import { openOutbox } from './open-outbox.ts'
import { openProviderBook } from './open-provider-book.ts'
import { openOutside, type Seams } from './outside.ts'
import { serveProbes } from './probes.ts'
import { progressTeller } from './progress-teller.ts'
import { createReadiness } from './readiness.ts'
import { connectRedis } from './redis.ts'
import { createStageRunner, type StageRun } from './run-stage.ts'
import { Sender } from './sender.ts'
import { done, type StageOutcome } from './stages/outcome.ts'
import { settleLateCosts } from './stages/settle-late.ts'
import { tidyInputs } from './stages/tidy.ts'
import { traceStage } from './trace-work.ts'
import { type VendorWork, vendorWork } from './vendor-work.ts'

const REPLICA_TIMEOUT_MS = 1_000

/** A job tells its progress at most so often. */
const PROGRESS_EVERY_MS = 10_000

export type RunningWorker = {
  healthUrl: string
  /** Claims nothing more, finishes what is under way within the grace period, hands the rest back. Idempotent. */
  stop(): Promise<void>
}

/** Opens everything a worker needs and starts it. Resolves when it takes jobs. */
export async function startWorker(config: WorkerConfig, log: Log, seams: Seams = {}): Promise<RunningWorker> {
  const keys = createKeys(config.KEY_PREFIX)
  const redis = connectRedis(config.REDIS_URL)
  redis.on('error', (error) => log.warn({ err: error }, 'redis connection'))
  const metrics = createMetrics('worker')
  watchRedis(metrics, redis)
  const queues = openQueues(redis, keys)
  const tracing = await openTracing(config.tracing, log)
  const outside = openOutside(config, seams, {
    meter: metrics,
    tracing,
    traceparentOf: (deliveryId) => traceparentOf({ redis, keys }, deliveryId),
  })
  const providerBook = openProviderBook(config, { redis, prefix: keys.prefix, log })
  const endpointBook = openEndpointBook(config, { redis, prefix: keys.prefix, log })
  const { book } = providerBook
  const { storage } = outside

  const reconcileAfter: ReconcileAfter = {
    submitMs: config.RECONCILE_AFTER_MS,
    pollMs: config.RECONCILE_AFTER_MS,
    copyMs: config.RECONCILE_AFTER_MS,
  }
  const feeders = new Map<QueueName, Feeder>()
  const onRoom = (queue: QueueName) => feeders.get(queue)?.wake()
  const onNews = () => sender.wake()
  const jobs = new Jobs({
    redis,
    queues,
    keys,
    publicUrl: config.PUBLIC_URL,
    reconcileAfter,
    onRoom,
    onNews,
    onEnded(ended) {
      countEnded(metrics, ended)
      traceEnded(tracing, ended)
    },
  })
  const isReplicated = config.DURABILITY === 'replicated'
  // Who waits for a replica holds up all others on its connection.
  const intents = isReplicated ? connectRedis(config.REDIS_URL) : redis
  if (isReplicated) intents.on('error', (error) => log.warn({ err: error }, 'redis connection'))
  const submissions = new Submissions({
    redis: intents,
    keys,
    reconcileAfter,
    onRoom,
    ...(isReplicated && { durability: keptByReplica({ redis: intents, keys, timeoutMs: REPLICA_TIMEOUT_MS }) }),
  })
  const turns = new Turns({ redis, keys, queues, reconcileAfter, now: Date.now })
  const ambient = { log, meter: metrics, now: Date.now, random: Math.random, speed: config.SPEED }
  const handBack = new AbortController()
  const vendors = vendorWork({
    config,
    redis,
    keys,
    jobs,
    submissions,
    turns,
    outside,
    book,
    handBack: handBack.signal,
    log,
    meter: metrics,
    tracing,
    onSeen: progressTeller({
      ...ambient,
      jobs,
      isAskedBy: endpointBook.wantsProgress,
      everyMs: PROGRESS_EVERY_MS / config.SPEED,
    }),
  })
  for (const vendor of vendors) for (const [queue, feeder] of vendor.feeders) feeders.set(queue, feeder)

  const stage = (queue: QueueName, concurrency: number, run: (job: JobRecord) => Promise<StageOutcome>) => {
    const traced = traceStage(queue, run, tracing)
    const withJob: StageRun = async (id) => {
      const job = await jobs.get(id)
      return job ? traced(job) : done('no such job')
    }
    return createStageRunner(queue, concurrency, withJob, runnerDeps)
  }
  const copy = async (job: JobRecord) => {
    const vendor = vendors.find(({ name }) => name === job.provider)
    return vendor ? vendor.copy(job) : done('no such provider')
  }
  const look = async (job: JobRecord & { taskId: string }) =>
    vendors.find(({ name }) => name === job.provider)?.look(job)
  const outbox = openOutbox(config, { redis, keys })
  const audit = new AuditLog({ redis, prefix: keys.prefix })
  const sender = new Sender({
    ...ambient,
    outbox: seams.leases?.(outbox) ?? outbox,
    destinationOf: destinationOf(config.WEBHOOK_SECRET, endpointBook.endpoint),
    send: outside.sendWebhook,
    concurrency: config.NOTIFY_CONCURRENCY,
    maxPerHost: config.WEBHOOK_WINDOW,
    timeoutMs: config.WEBHOOK_TIMEOUT_MS,
    onDisabled: ({ team, endpointId, reason }) =>
      audit.write({
        actor: 'genqueue',
        action: 'webhook_endpoint.disabled',
        target: `${team}/${endpointId}`,
        detail: { reason },
        atMs: Date.now(),
      }),
  })
  const tick = async () => {
    const nowMs = Date.now()
    const report = await reconcile({ redis, keys, jobs }, { nowMs, lookAgainMs: config.RECONCILE_AFTER_MS })
    const tidied = await tidyInputs({ jobs, storage, log, ended: inputsToDelete(redis, keys) })
    const asked = await settleLateCosts({ ...ambient, jobs, lateCosts: new LateCosts({ redis, keys }), look })
    log.debug({ ...report, tidied, asked }, 'reconciled')
    metrics.count('reconcile_looks_total', {}, report.woken)
    metrics.count('reconcile_repairs_total', { kind: 'job_lost' }, report.lost)
    metrics.count('reconcile_repairs_total', { kind: 'slot_freed' }, report.freed)
    return done('reconciled')
  }
  const runnerDeps = {
    ...ambient,
    redis,
    keys,
    lockDurationMs: config.LOCK_DURATION_MS,
    stalledIntervalMs: config.STALLED_INTERVAL_MS,
  }
  const runners = [
    ...vendors.flatMap(({ name, submit, submitAndCopy }) => [
      stage(`submit-${name}`, config.SUBMIT_CONCURRENCY, submit),
      stage(`wait-${name}`, config.WAIT_CONCURRENCY, submitAndCopy),
    ]),
    stage('copy', config.COPY_CONCURRENCY, copy),
    createStageRunner('reconcile', 1, tick, runnerDeps),
  ]
  const pollers = vendors.map(({ poller }) => poller)

  let isDraining = false
  const readiness = createReadiness({
    redis,
    keys,
    book,
    keyCount: () => keyCount(vendors),
    isDraining: () => isDraining,
    isProduction: config.NODE_ENV === 'production',
    needsReplica: isReplicated,
    now: Date.now,
  })
  const probes = await serveProbes(
    {
      host: config.HEALTH_HOST,
      port: config.HEALTH_PORT,
      metrics: { render: metrics.render, token: config.METRICS_TOKEN },
    },
    readiness,
  )
  const rests = new KeyRests({ redis, keys })
  const censusTaker = new CensusTaker({
    ...ambient,
    redis,
    keys,
    census: new JobCensus({ redis, keys }),
    book,
    rests,
    metrics,
  })
  await providerBook.start()
  endpointBook.start()
  await queues.scheduleReconcile(config.RECONCILE_INTERVAL_MS)
  const keepTicking = setInterval(() => {
    const lost = queues.scheduleReconcile(config.RECONCILE_INTERVAL_MS, { onlyIfLost: true })
    lost.catch((err) => log.warn({ err }, 'reconcile is not scheduled'))
  }, 5 * config.RECONCILE_INTERVAL_MS)
  // `run` resolves when the runner is closed; its errors come by the `error` event.
  for (const runner of runners) runner.run().catch((error) => log.error({ err: error }, 'runner ended'))
  for (const { limitsWatch } of vendors) limitsWatch.start()
  for (const each of [...pollers, ...feeders.values(), sender, censusTaker]) each.start()
  log.info({ providerKeys: keyCount(vendors), speed: config.SPEED, health: probes.url }, 'worker takes jobs')

  const stop = async () => {
    isDraining = true
    clearInterval(keepTicking)
    log.info({}, 'worker drains')
    const grace = setTimeout(() => handBack.abort(new Error('the grace period is over')), config.SHUTDOWN_GRACE_MS)
    await Promise.all([
      ...[...pollers, ...feeders.values()].map((each) => each.stop()),
      ...runners.map((runner) => runner.close()),
    ])
    // After those whose jobs it tells the end of.
    await sender.stop()
    endpointBook.close()
    clearTimeout(grace)
    await Promise.all([censusTaker.stop(), ...vendors.map(({ limitsWatch }) => limitsWatch.stop())])
    await providerBook.close()
    await Promise.all([probes.close(), queues.close(), outside.close()])
    if (isReplicated) await intents.quit().catch(() => intents.disconnect())
    await redis.quit().catch(() => redis.disconnect())
    await tracing?.close()
    log.info({}, 'worker stopped')
  }
  let stopping: Promise<void> | undefined
  return {
    healthUrl: probes.url,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}

function keyCount(vendors: readonly VendorWork[]): number {
  return vendors.reduce((sum, { keyRing }) => sum + keyRing.size, 0)
}

function inputsToDelete(redis: Redis, keys: Keys) {
  return {
    next: (limit: number) => redis.zrange(keys.cleanup, 0, String(limit - 1)),
    async forget(id: string) {
      await redis.zrem(keys.cleanup, id)
    },
  }
}
