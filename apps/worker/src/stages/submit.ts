import { type JobErrorCode, jobError } from '@genqueue/contract'
import type { JobRecord, RecordIn } from '@genqueue/jobs'
import type { SubmitOutcome, VendorBody, WaitOutcome } from '@genqueue/providers'
import type { ProviderKey } from '../key-ring.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'
import { repeatLater, repeatSubmit } from './repeat-submit.ts'
import { adopt, finish, queueDeadlineMs, restKey } from './settle-create.ts'
import { resolveUnknown, settleLost } from './settle-lost.ts'
import type { SubmitDeps } from './submit-deps.ts'

const NO_KEY_RETRY_MS = 30_000
/** The adapter's own timeout comes first. */
const WAIT_MARGIN_MS = 5_000
/** Inputs that the vendor has forgotten are handed over anew, and the create is sent again, in this many creates. */
const MAX_CREATES_WITH_NEW_INPUTS = 3

/** Submits a job to its vendor, once. The protocol is drawn in `docs/lifecycle.md`. */
export async function submit(job: JobRecord, deps: SubmitDeps): Promise<StageOutcome> {
  if (job.status === 'queued') return submitQueued(job, deps)
  if (job.status === 'submitting' || job.status === 'ambiguous') {
    return deps.provider.repeatsAreSafe ? repeatSubmit(job, deps) : settleLost(job, deps)
  }
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

async function send(
  job: RecordIn<'queued'>,
  key: ProviderKey,
  body: VendorBody,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submissions } = deps
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
      const outcome = await create(job, key, body, deps)
      return settle(job, begun.fence, key, outcome, deps)
    }
  }
}

async function create(
  { operation, clientRef, request }: JobRecord,
  key: ProviderKey,
  body: VendorBody,
  { provider, submitTimeoutMs, waitTimeoutMs, handBack }: SubmitDeps,
): Promise<WaitOutcome> {
  const task = { operation, body, clientRef }
  if (!request.waits || !provider.submitAndWait) {
    return provider.submit(task, { key: key.key, signal: AbortSignal.timeout(submitTimeoutMs) })
  }
  const signal = AbortSignal.any([handBack, AbortSignal.timeout(waitTimeoutMs + WAIT_MARGIN_MS)])
  return provider.submitAndWait(task, { key: key.key, signal })
}

async function settle(
  job: RecordIn<'queued'>,
  fence: number,
  key: ProviderKey,
  outcome: WaitOutcome,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, provider, log } = deps
  if (outcome.kind === 'accepted') return adopt(job, fence, key, outcome, deps)
  if (outcome.kind === 'finished') return finish(job, fence, key, outcome, deps)
  const current = await jobs.get(job.id)
  if (!current) return done('gone')
  switch (outcome.kind) {
    case 'refused':
      if (outcome.inputsGone && job.request.inputs.length > 0 && current.submits < MAX_CREATES_WITH_NEW_INPUTS) {
        return release(current, fence, { reason: 'input_upload', delayMs: 1, restMs: 0 }, deps)
      }
      await jobs.end(current, { status: 'failed', error: outcome.error, outputs: [] }, { fence })
      return done(outcome.error.code)
    case 'not_accepted':
      return putBack(current, fence, key, outcome, deps)
    case 'unknown':
      if (provider.repeatsAreSafe) return repeatLater(current, fence, outcome, deps)
      log.error({ jobId: job.id, fence, detail: outcome.detail }, 'submission outcome unknown')
      return resolveUnknown(current, fence, deps)
  }
}

async function putBack(
  job: JobRecord,
  fence: number,
  key: ProviderKey,
  outcome: Extract<SubmitOutcome, { kind: 'not_accepted' }>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { delayMs, reason } = await restKey(job, key, outcome, deps)
  // Where the key rests, another may do it now.
  return release(job, fence, { reason, delayMs: outcome.rests === 'nothing' ? delayMs : 1, restMs: delayMs }, deps)
}

/** Nothing came of the create: the job goes back to the queue. */
async function release(
  job: JobRecord,
  fence: number,
  { reason, delayMs, restMs }: { reason: string; delayMs: number; restMs: number },
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, now } = deps
  const released = await jobs.release(job, fence, { reason, untilMs: now() + restMs })
  if (released.done) return waitQueued(job, delayMs, reason, deps)
  if (released.found !== 'cancel') return done('nothing to put back')
  await jobs.end(job, { status: 'canceled' }, { fence })
  return done('canceled')
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
