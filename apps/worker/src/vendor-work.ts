import { PROVIDERS, type ProviderName } from '@genqueue/contract'
import { type JobRecord, type Jobs, KeyRests, type Keys, PollSchedule, type Submissions } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import { KeyRing } from './key-ring.ts'
import type { Log } from './log.ts'
import type { openOutside } from './outside.ts'
import { type PollPace, RUNWARE_PACE, RUNWAY_PACE } from './pace.ts'
import { Poller } from './poller.ts'
import { prepareBody } from './prepare-body.ts'
import { Semaphore } from './semaphore.ts'
import { copy } from './stages/copy.ts'
import type { StageOutcome } from './stages/outcome.ts'
import { submit } from './stages/submit.ts'
import { submitAndCopy } from './stages/submit-and-copy.ts'

const PACES: Readonly<Record<ProviderName, PollPace>> = { runway: RUNWAY_PACE, runware: RUNWARE_PACE }

/** What is done with one vendor. */
export type VendorWork = {
  name: ProviderName
  keyRing: KeyRing
  poller: Poller
  submit(job: JobRecord): Promise<StageOutcome>
  /** The same for a job whose caller waits, and the copy where the answer brought the result. */
  submitAndCopy(job: JobRecord): Promise<StageOutcome>
  copy(job: JobRecord): Promise<StageOutcome>
}

export type VendorWorkDeps = {
  config: WorkerConfig
  redis: Redis
  keys: Keys
  jobs: Jobs
  submissions: Submissions
  outside: ReturnType<typeof openOutside>
  /** Aborts when the process must end, whatever is under way. */
  handBack: AbortSignal
  log: Log
}

/** Puts together what is done with each of the vendors; starts nothing. */
export function vendorWork(deps: VendorWorkDeps): VendorWork[] {
  return PROVIDERS.map((name) => workWith(name, deps))
}

function workWith(name: ProviderName, deps: VendorWorkDeps): VendorWork {
  const { config, redis, keys, jobs, submissions, outside, handBack, log } = deps
  const ambient = { log, now: Date.now, random: Math.random, speed: config.SPEED }
  const provider = outside.providers[name]
  const { storage } = outside
  const pace = PACES[name]
  const configured = { runway: config.RUNWAY_API_KEY, runware: config.RUNWARE_API_KEY }[name]
  const keyRing = new KeyRing({ keys: configured ?? [], rests: new KeyRests({ redis, keys }) })
  // A look at many may take a second request.
  const pollTimeoutMs = config.POLL_TIMEOUT_MS * (provider.pollMany ? 2 : 1)
  const submitDeps = {
    ...ambient,
    jobs,
    submissions,
    provider,
    keyRing,
    prepare: (job: JobRecord, key: Parameters<typeof prepareBody>[1]) =>
      prepareBody(job, key, { provider, storage, timeoutMs: config.COPY_TIMEOUT_MS }),
    firstLookMs: pace.firstMs / config.SPEED,
    submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
    waitTimeoutMs: config.WAIT_TIMEOUT_MS,
    pollTimeoutMs,
    handBack,
  }
  const sockets = new Semaphore(config.SUBMIT_CONCURRENCY)
  const waitSockets = new Semaphore(config.WAIT_CONCURRENCY)
  const copyDeps = {
    ...ambient,
    jobs,
    submissions,
    provider,
    keyRing,
    storage,
    copy: outside.copy,
    pollTimeoutMs,
    deadlineMs: config.COPY_DEADLINE_MS,
  }
  const copyJob = (job: JobRecord) => copy(job, copyDeps, handBack)
  return {
    name,
    keyRing,
    submit: (job) => submit(job, { ...submitDeps, sockets }),
    submitAndCopy: (job) =>
      submitAndCopy(job, { jobs, submit: (it) => submit(it, { ...submitDeps, sockets: waitSockets }), copy: copyJob }),
    copy: copyJob,
    poller: new Poller({
      ...ambient,
      schedule: new PollSchedule({ redis, keys, provider: name }),
      jobs,
      provider,
      keyRing,
      pace,
      concurrency: config.POLL_CONCURRENCY,
      timeoutMs: config.POLL_TIMEOUT_MS,
    }),
  }
}
