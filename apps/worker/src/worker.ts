import {
  createKeys,
  Deliveries,
  type JobRecord,
  Jobs,
  type Keys,
  openQueues,
  type ReconcileAfter,
  reconcile,
  Submissions,
} from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import type { Log } from './log.ts'
import { openOutside, type Seams } from './outside.ts'
import { type Readiness, serveProbes } from './probes.ts'
import { connectRedis } from './redis.ts'
import { createStageRunner, type StageRun } from './run-stage.ts'
import { notify } from './stages/notify.ts'
import { done, type StageOutcome } from './stages/outcome.ts'
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
  const { storage } = outside

  const reconcileAfter: ReconcileAfter = {
    submitMs: config.RECONCILE_AFTER_MS,
    pollMs: config.RECONCILE_AFTER_MS,
    copyMs: config.RECONCILE_AFTER_MS,
  }
  const jobs = new Jobs({ redis, queues, keys, publicUrl: config.PUBLIC_URL, reconcileAfter })
  const submissions = new Submissions({ redis, keys, reconcileAfter })
  const ambient = { log, now: Date.now, random: Math.random, speed: config.SPEED }
  const handBack = new AbortController()
  const vendors = vendorWork({ config, redis, keys, jobs, submissions, outside, handBack: handBack.signal, log })

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
  const notifyDeps = { ...ambient, deliveries: new Deliveries({ redis, keys }), send: outside.sendWebhook }
  const tick = async () => {
    const nowMs = Date.now()
    const report = await reconcile({ redis, keys, jobs, queues }, { nowMs, lookAgainMs: config.RECONCILE_AFTER_MS })
    const tidied = await tidyInputs({ jobs, storage, log, ended: inputsToDelete(redis, keys) })
    log.debug({ ...report, tidied }, 'reconciled')
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
    createStageRunner('notify', config.NOTIFY_CONCURRENCY, (id) => notify(id, notifyDeps), runnerDeps),
    createStageRunner('reconcile', 1, tick, runnerDeps),
  ]
  const pollers = vendors.map(({ poller }) => poller)

  let isDraining = false
  const probes = await serveProbes({ host: config.HEALTH_HOST, port: config.HEALTH_PORT }, () =>
    readiness(redis, isDraining, vendors),
  )
  await queues.scheduleReconcile(config.RECONCILE_INTERVAL_MS)
  // `run` resolves when the runner is closed; its errors come by the `error` event.
  for (const runner of runners) runner.run().catch((error) => log.error({ err: error }, 'runner ended'))
  for (const poller of pollers) poller.start()
  log.info({ providerKeys: keyCount(vendors), speed: config.SPEED, health: probes.url }, 'worker takes jobs')

  const stop = async () => {
    isDraining = true
    log.info({}, 'worker drains')
    const grace = setTimeout(() => handBack.abort(new Error('the grace period is over')), config.SHUTDOWN_GRACE_MS)
    await Promise.all([...pollers.map((poller) => poller.stop()), ...runners.map((runner) => runner.close())])
    clearTimeout(grace)
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

async function readiness(redis: Redis, isDraining: boolean, vendors: readonly VendorWork[]): Promise<Readiness> {
  const answered = await Promise.race([
    redis.ping().then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, false).unref()),
  ]).catch(() => false)
  return {
    ready: answered && !isDraining,
    checks: {
      redis: answered ? 'ok' : 'unavailable',
      draining: String(isDraining),
      provider_keys: String(keyCount(vendors)),
    },
  }
}
