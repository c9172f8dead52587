import { createGuardedAgent, type EgressPolicy } from '@genqueue/egress'
import {
  createKeys,
  Deliveries,
  Jobs,
  KeyRests,
  type Keys,
  openQueues,
  PollSchedule,
  type ReconcileAfter,
  reconcile,
  Submissions,
} from '@genqueue/jobs'
import { createRunwayProvider, type Provider } from '@genqueue/providers'
import { openStorage, type Storage } from '@genqueue/storage'
import type { Redis } from 'ioredis'
import { Agent } from 'undici'
import type { WorkerConfig } from './config.ts'
import { copyOutput } from './copy-output.ts'
import { KeyRing } from './key-ring.ts'
import type { Log } from './log.ts'
import { RUNWAY_PACE } from './pace.ts'
import { Poller } from './poller.ts'
import { prepareBody } from './prepare-body.ts'
import { type Readiness, serveProbes } from './probes.ts'
import { connectRedis } from './redis.ts'
import { createStageRunner, type StageRun } from './run-stage.ts'
import { Semaphore } from './semaphore.ts'
import { copy } from './stages/copy.ts'
import { notify, type WebhookAnswer, type WebhookCall } from './stages/notify.ts'
import { done, type StageOutcome } from './stages/outcome.ts'
import { submit } from './stages/submit.ts'
import { tidyInputs } from './stages/tidy.ts'
import { createWebhookSender } from './webhook-sender.ts'

/** Where the outside world begins; a crash test stands in the way here. */
export type Seams = {
  provider?: (provider: Provider) => Provider
  storage?: (storage: Storage) => Storage
  sendWebhook?: (send: SendWebhook) => SendWebhook
}
type SendWebhook = (call: WebhookCall) => Promise<WebhookAnswer>

export type RunningWorker = {
  healthUrl: string
  /** Claims nothing more, finishes what is under way within the grace period, hands the rest back. Idempotent. */
  stop(): Promise<void>
}

const WEBHOOK_PORTS = new Set([443, 80, 8443, 8080])
const MEDIA_PORTS = new Set([443, 8443])

/** Opens everything a worker needs and starts it. Resolves when it takes jobs. */
export async function startWorker(config: WorkerConfig, log: Log, seams: Seams = {}): Promise<RunningWorker> {
  const keys = createKeys(config.KEY_PREFIX)
  const redis = connectRedis(config.REDIS_URL)
  redis.on('error', (error) => log.warn({ err: error }, 'redis connection'))
  const queues = openQueues(redis, keys)
  const outside = openOutside(config, seams)
  const { storage, provider } = outside

  const reconcileAfter: ReconcileAfter = {
    submitMs: config.RECONCILE_AFTER_MS,
    pollMs: config.RECONCILE_AFTER_MS,
    copyMs: config.RECONCILE_AFTER_MS,
  }
  const jobs = new Jobs({ redis, queues, keys, publicUrl: config.PUBLIC_URL, reconcileAfter })
  const submissions = new Submissions({ redis, keys, reconcileAfter })
  const keyRing = new KeyRing({ keys: config.RUNWAY_API_KEY ?? [], rests: new KeyRests({ redis, keys }) })
  const ambient = { log, now: Date.now, random: Math.random, speed: config.SPEED }
  const handBack = new AbortController()

  const submitDeps = {
    ...ambient,
    jobs,
    submissions,
    provider,
    keyRing,
    sockets: new Semaphore(config.SUBMIT_CONCURRENCY),
    prepare: (job: Parameters<typeof prepareBody>[0], key: Parameters<typeof prepareBody>[1]) =>
      prepareBody(job, key, { provider, storage, timeoutMs: config.COPY_TIMEOUT_MS }),
    firstLookMs: RUNWAY_PACE.firstMs / config.SPEED,
    submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
  }
  const copyDeps = {
    ...ambient,
    jobs,
    submissions,
    provider,
    keyRing,
    storage,
    copy: outside.copy,
    pollTimeoutMs: config.POLL_TIMEOUT_MS,
    deadlineMs: config.COPY_DEADLINE_MS,
  }
  const notifyDeps = { ...ambient, deliveries: new Deliveries({ redis, keys }), send: outside.sendWebhook }

  const withJob = (run: (job: NonNullable<Awaited<ReturnType<Jobs['get']>>>) => Promise<StageOutcome>): StageRun => {
    return async (id) => {
      const job = await jobs.get(id)
      return job ? run(job) : done('no such job')
    }
  }
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
    createStageRunner(
      'submit-runway',
      config.SUBMIT_CONCURRENCY,
      withJob((job) => submit(job, submitDeps)),
      runnerDeps,
    ),
    createStageRunner(
      'copy',
      config.COPY_CONCURRENCY,
      withJob((job) => copy(job, copyDeps, handBack.signal)),
      runnerDeps,
    ),
    createStageRunner('notify', config.NOTIFY_CONCURRENCY, (id) => notify(id, notifyDeps), runnerDeps),
    createStageRunner('reconcile', 1, tick, runnerDeps),
  ]
  const poller = new Poller({
    ...ambient,
    schedule: new PollSchedule({ redis, keys, provider: 'runway' }),
    jobs,
    provider,
    keyRing,
    pace: RUNWAY_PACE,
    concurrency: config.POLL_CONCURRENCY,
    timeoutMs: config.POLL_TIMEOUT_MS,
  })

  let isDraining = false
  const probes = await serveProbes({ host: config.HEALTH_HOST, port: config.HEALTH_PORT }, () =>
    readiness(redis, isDraining, keyRing),
  )
  await queues.scheduleReconcile(config.RECONCILE_INTERVAL_MS)
  // `run` resolves when the runner is closed; its errors come by the `error` event.
  for (const runner of runners) runner.run().catch((error) => log.error({ err: error }, 'runner ended'))
  poller.start()
  log.info({ providerKeys: keyRing.size, speed: config.SPEED, health: probes.url }, 'worker takes jobs')

  const stop = async () => {
    isDraining = true
    log.info({}, 'worker drains')
    const grace = setTimeout(() => handBack.abort(new Error('the grace period is over')), config.SHUTDOWN_GRACE_MS)
    await Promise.all([poller.stop(), ...runners.map((runner) => runner.close())])
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

/** Vendors, bucket and receivers, each behind the guard that fits it. */
function openOutside(config: WorkerConfig, seams: Seams) {
  const policy = (ports: EgressPolicy['ports'], hosts?: readonly string[]): EgressPolicy => ({
    allowHttp: false,
    ports,
    allow: config.EGRESS_ALLOW,
    deny: [],
    ...(hosts && { hosts }),
  })
  const limits = { dnsTimeoutMs: 2_000, connectTimeoutMs: 5_000, keepAliveMs: 4_000 }
  const mediaPolicy = policy(MEDIA_PORTS, config.OUTPUT_HOSTS)
  const webhookPolicy = policy(WEBHOOK_PORTS)
  const media = createGuardedAgent(mediaPolicy, { ...limits, connections: config.COPY_CONCURRENCY })
  const uploads = createGuardedAgent(policy(MEDIA_PORTS), { ...limits, connections: config.SUBMIT_CONCURRENCY })
  const webhooks = createGuardedAgent(webhookPolicy, { ...limits, connections: 16 })
  const vendor = new Agent({
    connections: config.SUBMIT_CONCURRENCY + config.POLL_CONCURRENCY,
    keepAliveTimeout: 4_000,
    connect: { timeout: 5_000 },
  })
  const identity = <T>(part: T) => part
  const storage = (seams.storage ?? identity)(
    openStorage(config.STORAGE_URL, {
      ...(config.S3_ENDPOINT && { s3Endpoint: config.S3_ENDPOINT }),
      // Services other than AWS ignore the region, but the SDK insists on one.
      ...(config.S3_ENDPOINT && { region: config.AWS_REGION ?? 'us-east-1' }),
      ...(config.S3_FORCE_PATH_STYLE !== undefined && { forcePathStyle: config.S3_FORCE_PATH_STYLE }),
    }),
  )
  const provider = (seams.provider ?? identity)(
    createRunwayProvider({
      baseUrl: config.RUNWAY_BASE_URL,
      dispatcher: vendor,
      guardedDispatcher: uploads,
      submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
      pollTimeoutMs: config.POLL_TIMEOUT_MS,
      uploadTimeoutMs: config.COPY_TIMEOUT_MS,
    }),
  )
  const copyLimits = { maxBytes: config.MAX_OUTPUT_BYTES, timeoutMs: config.COPY_TIMEOUT_MS }
  return {
    storage,
    provider,
    copy: (source: Parameters<typeof copyOutput>[0], signal: AbortSignal) =>
      copyOutput(source, { storage, agent: media, policy: mediaPolicy, ...copyLimits }, signal),
    sendWebhook: (seams.sendWebhook ?? identity)(
      createWebhookSender({
        agent: webhooks,
        policy: webhookPolicy,
        keys: config.WEBHOOK_SECRET,
        timeoutMs: config.WEBHOOK_TIMEOUT_MS,
      }),
    ),
    async close() {
      await Promise.all([vendor.close(), media.close(), uploads.close(), webhooks.close(), storage.close()])
    },
  }
}

function inputsToDelete(redis: Redis, keys: Keys) {
  return {
    next: (limit: number) => redis.zrange(keys.cleanup, 0, String(limit - 1)),
    async forget(id: string) {
      await redis.zrem(keys.cleanup, id)
    },
  }
}

async function readiness(redis: Redis, isDraining: boolean, keyRing: KeyRing): Promise<Readiness> {
  const answered = await Promise.race([
    redis.ping().then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, 1_000, false).unref()),
  ]).catch(() => false)
  return {
    ready: answered && !isDraining,
    checks: {
      redis: answered ? 'ok' : 'unavailable',
      draining: String(isDraining),
      provider_keys: String(keyRing.size),
    },
  }
}
