import type { ProviderBook } from '@genqueue/accounts'
import { PROVIDERS, type ProviderName } from '@genqueue/contract'
import {
  type JobRecord,
  type Jobs,
  KeyLimits,
  KeyRests,
  type Keys,
  PollSchedule,
  type QueueName,
  type Submissions,
  type Turns,
} from '@genqueue/jobs'
import type { Meter } from '@genqueue/metrics'
import type { PollOutcome } from '@genqueue/providers'
import type { Tracing } from '@genqueue/tracing'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import { Feeder } from './feeder.ts'
import { KeyRing } from './key-ring.ts'
import { LimitsWatch } from './limits-watch.ts'
import type { Log } from './log.ts'
import type { openOutside } from './outside.ts'
import { type PollPace, RUNWARE_PACE, RUNWAY_PACE } from './pace.ts'
import { Poller } from './poller.ts'
import { prepareBody } from './prepare-body.ts'
import { Semaphore } from './semaphore.ts'
import type { LookDeps } from './settle-look.ts'
import { copy } from './stages/copy.ts'
import type { StageOutcome } from './stages/outcome.ts'
import { submit } from './stages/submit.ts'
import { submitAndCopy } from './stages/submit-and-copy.ts'
import { UploadedInputs } from './uploaded-inputs.ts'
import { vendorSettings } from './vendor-settings.ts'

/** Of the creates that a worker may have on the wire, the share that is kept free of those who wait in line. */
const SPARE = 1 / 4

const PACES: Readonly<Record<ProviderName, PollPace>> = { runway: RUNWAY_PACE, runware: RUNWARE_PACE }

/** What is done with one vendor. */
export type VendorWork = {
  name: ProviderName
  keyRing: KeyRing
  limitsWatch: LimitsWatch
  feeders: ReadonlyMap<QueueName, Feeder>
  poller: Poller
  submit(job: JobRecord): Promise<StageOutcome>
  /** The same for a job whose caller waits, and the copy where the answer brought the result. */
  submitAndCopy(job: JobRecord): Promise<StageOutcome>
  copy(job: JobRecord): Promise<StageOutcome>
  /** One look at the task of a job that has ended; undefined where its key is gone. */
  look(job: JobRecord & { taskId: string }): Promise<PollOutcome | undefined>
}

export type VendorWorkDeps = {
  config: WorkerConfig
  redis: Redis
  keys: Keys
  jobs: Jobs
  submissions: Submissions
  turns: Turns
  outside: ReturnType<typeof openOutside>
  /** Provider keys and settings; what they say is followed while the worker runs. */
  book: ProviderBook
  /** Aborts when the process must end, whatever is under way. */
  handBack: AbortSignal
  log: Log
  meter: Meter
  tracing: Tracing | undefined
  /** Told of each sight of a task that goes on; never rejects. */
  onSeen: NonNullable<LookDeps['onSeen']>
}

/** Puts together what is done with each of the vendors; starts nothing. */
export function vendorWork(deps: VendorWorkDeps): VendorWork[] {
  return PROVIDERS.map((name) => workWith(name, deps))
}

function workWith(name: ProviderName, deps: VendorWorkDeps): VendorWork {
  const { config, redis, keys, jobs, submissions, turns, outside, book, handBack, log, meter, tracing, onSeen } = deps
  const ambient = { log, meter, now: Date.now, random: Math.random, speed: config.SPEED }
  const settings = () => vendorSettings(name, book, config)
  const provider = () => outside.provider(name, settings())
  const { storage } = outside
  const pace = PACES[name]
  const rests = new KeyRests({ redis, keys })
  const limitsWatch = new LimitsWatch({
    ...ambient,
    name,
    provider,
    book,
    limits: new KeyLimits({ redis, keys }),
    rests,
    timeoutMs: () => settings().pollTimeoutMs,
  })
  const keyRing = new KeyRing({ provider: name, book, rests, limitsOf: (keyId) => limitsWatch.of(keyId) })
  // Getters, because the operator may change the settings; each stage runs with what they are when it begins.
  const current = {
    get provider() {
      return provider()
    },
    get submitTimeoutMs() {
      return settings().submitTimeoutMs
    },
    // A look at many may take a second request.
    get pollTimeoutMs() {
      return settings().pollTimeoutMs * (provider().pollMany ? 2 : 1)
    },
  }
  const uploaded = new UploadedInputs({ ...ambient, redis, keys })
  const submitDeps = {
    ...ambient,
    jobs,
    submissions,
    turns,
    keyRing,
    prepare: (job: JobRecord, key: Parameters<typeof prepareBody>[1]) =>
      prepareBody(job, key, { provider: provider(), storage, uploaded, timeoutMs: config.COPY_TIMEOUT_MS }),
    firstLookMs: pace.firstMs / config.SPEED,
    waitTimeoutMs: config.WAIT_TIMEOUT_MS,
    handBack,
  }
  const copyDeps = {
    ...ambient,
    jobs,
    submissions,
    keyRing,
    storage,
    copy: outside.copy,
    deadlineMs: config.COPY_DEADLINE_MS,
  }
  const copyJob = (job: JobRecord) => copy(job, { ...copyDeps, ...current }, handBack)
  const lineOf = (queue: QueueName, concurrency: number) => {
    const spare = Math.floor(concurrency * SPARE)
    const sockets = new Semaphore(concurrency, () => feeder.wake())
    const feeder = new Feeder({ ...ambient, queue, turns, keyRing, room: () => sockets.free - spare })
    return { sockets, feeder: [queue, feeder] as const }
  }
  const submits = lineOf(`submit-${name}`, config.SUBMIT_CONCURRENCY)
  const waits = lineOf(`wait-${name}`, config.WAIT_CONCURRENCY)
  return {
    name,
    keyRing,
    limitsWatch,
    feeders: new Map([submits.feeder, waits.feeder]),
    submit: (job) => submit(job, { ...submitDeps, ...current, sockets: submits.sockets }),
    submitAndCopy: (job) =>
      submitAndCopy(job, {
        jobs,
        submit: (it) => submit(it, { ...submitDeps, ...current, sockets: waits.sockets }),
        copy: copyJob,
      }),
    copy: copyJob,
    async look({ taskId, ...job }) {
      const key = 'providerKeyId' in job && job.providerKeyId ? keyRing.byId(job.providerKeyId) : undefined
      const signal = AbortSignal.timeout(current.pollTimeoutMs)
      return key && provider().poll(taskId, { key: key.key, signal })
    },
    poller: new Poller({
      ...ambient,
      schedule: new PollSchedule({ redis, keys, provider: name }),
      jobs,
      onSeen,
      tracing,
      get provider() {
        return provider()
      },
      keyRing,
      pace,
      concurrency: config.POLL_CONCURRENCY,
      get timeoutMs() {
        return settings().pollTimeoutMs
      },
    }),
  }
}
