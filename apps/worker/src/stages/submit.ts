import { type JobErrorCode, jobError } from '@genqueue/contract'
import { type JobRecord, queueDeadlineMs, type RecordIn, type Waiting } from '@genqueue/jobs'
import type { SubmitOutcome, VendorBody, WaitOutcome } from '@genqueue/providers'
import type { Pick, ProviderKey } from '../key-ring.ts'
import { noteProbe } from './note-probe.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'
import { repeatLater, repeatSubmit } from './repeat-submit.ts'
import { adopt, finish, restKey } from './settle-create.ts'
import { resolveUnknown, settleLost } from './settle-lost.ts'
import type { SubmitDeps } from './submit-deps.ts'
import { untilStored } from './until-stored.ts'
import { lined, notDurable, sleep, snoozeQueued, waitForKey, waitInLine, whyNot } from './wait-queued.ts'

type PickedKey = Extract<Pick, { kind: 'key' }>

/** The adapter's own timeout comes first. */
const WAIT_MARGIN_MS = 5_000
/** For the answer to be stored as well. */
const PROBE_MARGIN_MS = 1_000
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
  const { jobs, turns, keyRing, sockets, speed, now } = deps
  if (now() > queueDeadlineMs(job)) return endQueued(job, deps)
  if (job.turn === undefined) {
    const earlyMs = (job.request.notBeforeMs ?? 0) - now()
    if (earlyMs > 0) return snooze(earlyMs, 'not yet')
    await turns.lineUp(job)
    return done('lined up')
  }
  const pick = await keyRing.pick(job.model, job.lane)
  if (pick.kind === 'full') return waitInLine(job, undefined, deps)
  if (pick.kind !== 'key') return waitForKey(job, pick, deps)
  const prepared = await deps.prepare(job, pick.key)
  if (prepared.kind === 'ended') {
    await jobs.end(job, { status: 'failed', error: prepared.error, outputs: [] })
    return done('input refused')
  }
  if (prepared.kind === 'later') {
    return sleep(job, { reason: 'input_upload', untilMs: now() + prepared.delayMs / speed }, prepared.detail, deps)
  }
  return sockets.run(() => send(job, pick, prepared.body, deps))
}

async function send(
  job: RecordIn<'queued'>,
  { key, limit }: PickedKey,
  body: VendorBody,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submissions } = deps
  const begun = await submissions.begin(job, key.id, limit, deps.submitTimeoutMs + PROBE_MARGIN_MS)
  switch (begun.kind) {
    case 'nothing':
      return done('nothing to submit')
    case 'full':
      return waitInLine(job, undefined, deps)
    case 'resting':
      return waitInLine(job, { reason: 'provider_unavailable', untilMs: deps.now() + begun.restMs }, deps)
    case 'cancel':
      await jobs.end(job, { status: 'canceled' })
      return done('canceled before submission')
    case 'unkept': {
      const waiting = notDurable(deps)
      if (begun.fence === undefined) return sleep(job, waiting, waiting.reason, deps)
      return release(job, begun.fence, { waiting, sleepMs: waiting.untilMs - deps.now() }, deps)
    }
    case 'ambiguous':
      return snooze(1, 'ambiguous')
    case 'begun': {
      const outcome = await create(job, key, body, deps)
      const [settled] = await Promise.all([
        untilStored(() => settle(job, begun.fence, key, outcome, deps), deps),
        // Of less worth: whoever comes next finds out by himself.
        noteProbe(job, { key, isProbe: begun.isProbe }, outcome, deps).catch(() => undefined),
      ])
      return settled
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
        return release(current, fence, { waiting: { reason: 'input_upload', untilMs: deps.now() } }, deps)
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
  const waiting = { reason, untilMs: deps.now() + delayMs }
  // Where the key rests, another may do it now.
  return release(job, fence, { waiting, sleepMs: outcome.rests === 'nothing' ? delayMs : 0 }, deps)
}

/** Nothing came of the create: the job goes back to its line, or sleeps first. */
async function release(
  job: JobRecord,
  fence: number,
  { waiting, sleepMs = 0 }: { waiting: Waiting; sleepMs?: number },
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs } = deps
  const released = await jobs.release(job, fence, { waiting, sleepMs })
  if (released.done) return sleepMs > 0 ? snoozeQueued(job, sleepMs, waiting.reason, deps) : lined(job, waiting, deps)
  if (released.found !== 'cancel') return done('nothing to put back')
  await jobs.end(job, { status: 'canceled' }, { fence })
  return done('canceled')
}

async function endQueued(job: RecordIn<'queued'>, { jobs, keyRing }: SubmitDeps): Promise<StageOutcome> {
  // A job that never had its turn fails with what kept it from having one.
  const reason = job.waiting?.reason ?? whyNot(await keyRing.pick(job.model, job.lane))
  // What an earlier create may have cost is told before what the job waited for.
  const code = job.unknownSubmits > 0 ? 'submission_unknown' : (QUEUE_FAILURES[reason] ?? 'queue_timeout')
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
