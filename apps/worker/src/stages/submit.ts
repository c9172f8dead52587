import { type JobErrorCode, jobError } from '@genqueue/contract'
import type { JobRecord, Jobs, RecordIn, Submissions } from '@genqueue/jobs'
import type { Provider, SubmitOutcome, VendorBody } from '@genqueue/providers'
import type { KeyRing, ProviderKey } from '../key-ring.ts'
import type { Log } from '../log.ts'
import { backoffMs } from '../pace.ts'
import type { Semaphore } from '../semaphore.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'

/** A create whose worker vanished is given this much longer than its own timeout to answer after all. */
const LATE_ANSWER_MS = 5_000
const MAX_UNKNOWN_RESUBMITS = 1
/** What lost one answer may lose the next: a vendor that sheds load is given a moment. */
const RESUBMIT_DELAY_MS = 5_000
const AUTH_REST_MS = 60_000
const QUOTA_REST_MS = 300_000
const NO_KEY_RETRY_MS = 30_000

export type PreparedBody =
  | { kind: 'ready'; body: VendorBody }
  | { kind: 'ended'; error: ReturnType<typeof jobError> }
  | { kind: 'later'; delayMs: number; detail: string }

export type SubmitDeps = {
  jobs: Jobs
  submissions: Submissions
  provider: Provider
  keyRing: KeyRing
  /** One permit per socket, taken before the intent is recorded. */
  sockets: Semaphore
  prepare: (job: RecordIn<'queued'>, key: ProviderKey) => Promise<PreparedBody>
  firstLookMs: number
  submitTimeoutMs: number
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  now: () => number
  random: () => number
}

/** Submits a job to its vendor, once. The protocol is drawn in `docs/lifecycle.md`. */
export async function submit(job: JobRecord, deps: SubmitDeps): Promise<StageOutcome> {
  if (job.status === 'queued') return submitQueued(job, deps)
  if (job.status === 'submitting' || job.status === 'ambiguous') return settleLost(job, deps)
  return done('nothing to submit')
}

async function submitQueued(job: RecordIn<'queued'>, deps: SubmitDeps): Promise<StageOutcome> {
  const { jobs, keyRing, sockets, speed, now } = deps
  if (now() > queueDeadlineMs(job)) return endQueued(job, deps)

  const pick = await keyRing.pick(job.model)
  if (pick.kind !== 'key') {
    const waiting =
      pick.kind === 'resting'
        ? { reason: pick.reason, untilMs: now() + pick.restMs }
        : { reason: 'provider_configuration', untilMs: now() + NO_KEY_RETRY_MS / speed }
    await jobs.noteWaiting(job, waiting)
    return waitQueued(job, waiting.untilMs - now() + (deps.random() * 1000) / speed, waiting.reason, deps)
  }
  const prepared = await deps.prepare(job, pick.key)
  if (prepared.kind === 'ended') {
    await jobs.end(job, { status: 'failed', error: prepared.error, outputs: [] })
    return done('input refused')
  }
  if (prepared.kind === 'later') {
    await jobs.noteWaiting(job, { reason: 'input_upload', untilMs: now() + prepared.delayMs / speed })
    return waitQueued(job, prepared.delayMs / speed, prepared.detail, deps)
  }
  return sockets.run(() => send(job, pick.key, prepared.body, deps))
}

/** Waits, but not past the queue deadline: the job then fails when it says, however long a key rests. */
function waitQueued(job: JobRecord, delayMs: number, note: string, { now }: SubmitDeps): StageOutcome {
  return snooze(Math.min(delayMs, queueDeadlineMs(job) - now() + 1), note)
}

function queueDeadlineMs({ times, request }: JobRecord): number {
  return Math.max(times.queued ?? 0, request.notBeforeMs ?? 0) + request.deadlines.queueMs
}

async function send(
  job: RecordIn<'queued'>,
  key: ProviderKey,
  body: VendorBody,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submissions, provider, submitTimeoutMs } = deps
  const begun = await submissions.begin(job, key.id)
  switch (begun.kind) {
    case 'nothing':
      return done('nothing to submit')
    case 'cancel':
      await jobs.end(job, { status: 'canceled' })
      return done('canceled before submission')
    case 'ambiguous':
      return snooze(1, 'ambiguous')
    case 'begun': {
      const outcome = await provider.submit(
        { operation: job.operation, body, clientRef: job.clientRef },
        { key: key.key, signal: AbortSignal.timeout(submitTimeoutMs) },
      )
      return settle(job, begun.fence, key, outcome, deps)
    }
  }
}

async function settle(
  job: RecordIn<'queued'>,
  fence: number,
  key: ProviderKey,
  outcome: SubmitOutcome,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, log } = deps
  if (outcome.kind === 'accepted') return adopt(job, fence, key, outcome, deps)
  const current = await jobs.get(job.id)
  if (!current) return done('gone')
  switch (outcome.kind) {
    case 'refused':
      await jobs.end(current, { status: 'failed', error: outcome.error, outputs: [] }, { fence })
      return done(outcome.error.code)
    case 'not_accepted':
      return putBack(current, fence, key, outcome, deps)
    case 'unknown':
      log.error({ jobId: job.id, fence, detail: outcome.detail }, 'submission outcome unknown')
      return resolveUnknown(current, fence, deps)
  }
}

async function adopt(
  job: RecordIn<'queued'>,
  fence: number,
  key: ProviderKey,
  answer: Extract<SubmitOutcome, { kind: 'accepted' }>,
  { submissions, provider, firstLookMs, log, submitTimeoutMs }: SubmitDeps,
): Promise<StageOutcome> {
  const { taskId, estimatedCost } = answer
  const stored = await submissions.accepted(job, {
    fence,
    providerKeyId: key.id,
    taskId,
    firstLookMs,
    ...(estimatedCost && { estimatedCost }),
  })
  if (stored === 'submitted') return done('submitted')
  // The job went on without this attempt. What it started is canceled, so that it is not charged for nothing.
  const canceled = await provider.cancel(taskId, { key: key.key, signal: AbortSignal.timeout(submitTimeoutMs) })
  log.error({ jobId: job.id, taskId, canceled: canceled.kind }, 'task without a job')
  return done('orphan')
}

async function putBack(
  job: JobRecord,
  fence: number,
  key: ProviderKey,
  outcome: Extract<SubmitOutcome, { kind: 'not_accepted' }>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, keyRing, speed, now, random, log } = deps
  const restMs = { auth: AUTH_REST_MS, quota: QUOTA_REST_MS, rate_limited: 30_000, unavailable: 0 }[outcome.reason]
  const plannedMs =
    outcome.reason === 'unavailable'
      ? backoffMs(job.submits, 1_000, 60_000, random())
      : (outcome.retryAfterMs ?? restMs)
  const delayMs = plannedMs / speed
  if (outcome.rests !== 'nothing') {
    await keyRing.rest(key, outcome.rests === 'key' ? undefined : job.model, delayMs, WAITS[outcome.reason])
    const level = outcome.reason === 'auth' || outcome.reason === 'quota' ? 'error' : 'warn'
    log[level]({ jobId: job.id, keyId: key.id, reason: outcome.reason, restMs: delayMs }, 'provider key rests')
  }
  const waiting = { reason: WAITS[outcome.reason], untilMs: now() + delayMs }
  const released = await jobs.release(job, fence, waiting)
  if (released.done) return waitQueued(job, outcome.rests === 'nothing' ? delayMs : 1, waiting.reason, deps)
  if (released.found !== 'cancel') return done('nothing to put back')
  await jobs.end(job, { status: 'canceled' }, { fence })
  return done('canceled')
}

/** What a job that waits is waiting for, and what it fails with when that lasts past its queue deadline. */
const WAITS = {
  auth: 'provider_auth',
  quota: 'quota_exceeded',
  rate_limited: 'rate_limited',
  unavailable: 'provider_unavailable',
} as const

/** A create was sent, or was about to be, by somebody who did not come back (or has not yet). */
async function settleLost(
  job: RecordIn<'submitting'> | RecordIn<'ambiguous'>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submitTimeoutMs, now, log } = deps
  if (job.status === 'submitting') {
    const marked = await jobs.markAmbiguous(job, job.fence)
    if (!marked.done) return snooze(1, 'settled meanwhile')
  }
  const waitMs = (job.times.submitting ?? 0) + submitTimeoutMs + LATE_ANSWER_MS - now()
  if (waitMs > 0) return snooze(waitMs, 'ambiguous')
  log.error({ jobId: job.id, fence: job.fence }, 'submission outcome unknown')
  return resolveUnknown(job, job.fence, deps)
}

/** Runway offers no way to ask: fail rather than pay twice, unless the caller chose otherwise, and then once. */
async function resolveUnknown(job: JobRecord, fence: number, { jobs, now, speed }: SubmitDeps): Promise<StageOutcome> {
  if (job.request.onSubmissionUnknown === 'resubmit' && job.unknownSubmits < MAX_UNKNOWN_RESUBMITS) {
    const delayMs = RESUBMIT_DELAY_MS / speed
    const released = await jobs.release(job, fence, { reason: 'submission_unknown', untilMs: now() + delayMs }, true)
    if (released.done) return snooze(delayMs, 'resubmit')
    // Canceled meanwhile: not sent again, but what was sent may be charged, and that is what the job says.
    if (released.found !== 'cancel') return done('settled meanwhile')
  }
  await jobs.end(job, { status: 'failed', error: jobError('submission_unknown'), outputs: [] }, { fence })
  return done('submission_unknown')
}

async function endQueued(job: RecordIn<'queued'>, { jobs }: SubmitDeps): Promise<StageOutcome> {
  // What an earlier create may have cost is told before what the job waited for.
  const code =
    job.unknownSubmits > 0 ? 'submission_unknown' : (QUEUE_FAILURES[job.waiting?.reason ?? ''] ?? 'queue_timeout')
  await jobs.end(job, { status: 'failed', error: jobError(code), outputs: [] })
  return done(code)
}

const QUEUE_FAILURES: Readonly<Record<string, JobErrorCode>> = {
  provider_auth: 'provider_auth',
  provider_configuration: 'provider_configuration',
  quota_exceeded: 'quota_exceeded',
  rate_limited: 'quota_exceeded',
  provider_unavailable: 'provider_unavailable',
  input_upload: 'input_unavailable',
}
