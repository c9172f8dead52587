import { AuditLog, type ProviderBook } from '@genqueue/accounts'
import {
  createKeys,
  type JobRecord,
  Jobs,
  type Keys,
  LateCosts,
  openQueues,
  type QueueName,
  type ReconcileAfter,
  reconcile,
  Submissions,
  Turns,
} from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import { destinationOf } from './destination-of.ts'
import type { Feeder } from './feeder.ts'
import type { Log } from './log.ts'
import { openEndpointBook } from './open-endpoint-book.ts'
import { openOutbox } from './open-outbox.ts'
import { openProviderBook } from './open-provider-book.ts'
import { openOutside, type Seams } from './outside.ts'
import { type Readiness, serveProbes } from './probes.ts'
import { connectRedis } from './redis.ts'
import { createStageRunner, type StageRun } from './run-stage.ts'
import { Sender } from './sender.ts'
import { done, type StageOutcome } from './stages/outcome.ts'
import { settleLateCosts } from './stages/settle-late.ts'
import { tidyInputs } from './stages/tidy.ts'
import { type VendorWork, vendorWork } from './vendor-work.ts'

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
  const queues = openQueues(redis, keys)
  const outside = openOutside(config, seams)
  const providerBook = openProviderBook(config, { redis, prefix: keys.prefix, log })
  const endpointBook = openEndpointBook(config, { redis, prefix: keys.prefix })
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
  const jobs = new Jobs({ redis, queues, keys, publicUrl: config.PUBLIC_URL, reconcileAfter, onRoom, onNews })
  const submissions = new Submissions({ redis, keys, reconcileAfter, onRoom })
  const turns = new Turns({ redis, keys, queues, reconcileAfter, now: Date.now })
  const ambient = { log, now: Date.now, random: Math.random, speed: config.SPEED }
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
  })
  for (const vendor of vendors) for (const [queue, feeder] of vendor.feeders) feeders.set(queue, feeder)

  const withJob = (run: (job: JobRecord) => Promise<StageOutcome>): StageRun => {
    return async (id) => {
      const job = await jobs.get(id)
      return job ? run(job) : done('no such job')
    }
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
      createStageRunner(`submit-${name}`, config.SUBMIT_CONCURRENCY, withJob(submit), runnerDeps),
      createStageRunner(`wait-${name}`, config.WAIT_CONCURRENCY, withJob(submitAndCopy), runnerDeps),
    ]),
    createStageRunner('copy', config.COPY_CONCURRENCY, withJob(copy), runnerDeps),
    createStageRunner('reconcile', 1, tick, runnerDeps),
  ]
  const pollers = vendors.map(({ poller }) => poller)

  let isDraining = false
  const probes = await serveProbes({ host: config.HEALTH_HOST, port: config.HEALTH_PORT }, () =>
    readiness(redis, isDraining, vendors, book),
  )
  await providerBook.start()
  endpointBook.start()
  await queues.scheduleReconcile(config.RECONCILE_INTERVAL_MS)
  // `run` resolves when the runner is closed; its errors come by the `error` event.
  for (const runner of runners) runner.run().catch((error) => log.error({ err: error }, 'runner ended'))
  for (const { limitsWatch } of vendors) limitsWatch.start()
  for (const each of [...pollers, ...feeders.values(), sender]) each.start()
  log.info({ providerKeys: keyCount(vendors), speed: config.SPEED, health: probes.url }, 'worker takes jobs')

  const stop = async () => {
    isDraining = true
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
    await Promise.all(vendors.map(({ limitsWatch }) => limitsWatch.stop()))
    await providerBook.close()
    await Promise.all([probes.close(), queues.close(), outside.close()])
    await redis.quit().catch(() => redis.disconnect())
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

async function readiness(
  redis: Redis,
  isDraining: boolean,
  vendors: readonly VendorWork[],
  book: ProviderBook,
): Promise<Readiness> {
  const answered = await Promise.race([
    redis.ping().then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, false).unref()),
  ]).catch(() => false)
  // A worker of a rollout that cannot open what the others store must not replace them.
  const isLocked = book.faults().some(({ reason }) => reason === 'encryption_key_missing')
  return {
    ready: answered && !isDraining && !isLocked,
    checks: {
      redis: answered ? 'ok' : 'unavailable',
      draining: String(isDraining),
      provider_keys: String(keyCount(vendors)),
      ...(isLocked && { encryption_keys: 'missing' }),
    },
  }
}
