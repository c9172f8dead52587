import { type JobError, jobError } from '@genqueue/contract'
import { type EndedAs, type JobRecord, queueDeadlineMs, type RecordIn } from '@genqueue/jobs'
import type { SubmitOutcome } from '@genqueue/providers'
import type { ProviderKey } from '../key-ring.ts'
import { backoffMs } from '../pace.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'
import { adopt, restKey } from './settle-create.ts'
import type { SubmitDeps } from './submit-deps.ts'

const MIN_REPEAT_MS = 1_000
const MAX_REPEAT_MS = 60_000
/** A task may be unknown for so long after its create was sent. */
const LOOK_GRACE_MS = 30_000
/** For how long a vendor that cannot be asked is asked, once the job is not to be submitted any more. */
const BLIND_GRACE_MS = 3_600_000
const NO_KEY_RETRY_MS = 30_000

type Unsettled = RecordIn<'submitting'> | RecordIn<'ambiguous'>

/** The answer to a create was lost, and the vendor knows a repeat of it by its name: it is sent again soon. */
export async function repeatLater(
  job: JobRecord,
  fence: number,
  { detail, retryAfterMs = 0 }: Extract<SubmitOutcome, { kind: 'unknown' }>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  deps.log.warn({ jobId: job.id, fence, detail }, 'create is repeated')
  countRepeat(job, deps)
  await deps.jobs.markAmbiguous(job, fence)
  return snoozeRepeat(job, retryAfterMs / deps.speed, 'ambiguous', deps)
}

/**
 * Settles a create whose answer is lost by sending it again, with the same name and the same key: another account would
 * not know the name, and make a second task. When the job is not wanted any more it is looked for instead, because a
 * repeat may be what creates the task.
 */
export async function repeatSubmit(job: Unsettled, deps: SubmitDeps): Promise<StageOutcome> {
  const { jobs, keyRing, now, speed, log } = deps
  if (job.status === 'submitting') {
    await jobs.markAmbiguous(job, job.fence)
    return snooze(1, 'ambiguous')
  }
  const key = keyRing.byId(job.providerKeyId)
  if (!key) {
    log.error({ jobId: job.id, keyId: job.providerKeyId }, 'provider key of a running task is missing')
    return endBlind(job, deps) ?? snooze(NO_KEY_RETRY_MS / speed, 'provider key is missing')
  }
  if (isUnwanted(job, now())) {
    const seenAfterMs = (job.times.ambiguous ?? 0) + LOOK_GRACE_MS / speed
    return now() < seenAfterMs ? snooze(seenAfterMs - now(), 'looks later') : lookForTask(job, key, undefined, deps)
  }
  const prepared = await deps.prepare(job, key)
  if (prepared.kind === 'ended') return lookForTask(job, key, prepared.error, deps)
  if (prepared.kind === 'later') return snoozeRepeat(job, prepared.delayMs / speed, prepared.detail, deps)
  return deps.sockets.run(async () => {
    const begun = await deps.submissions.beginRepeat(job)
    if (begun === 'unkept') return snooze(MIN_REPEAT_MS / deps.speed, 'not durable')
    if (begun !== 'begun') return snooze(1, begun)
    const outcome = await deps.provider.submit(
      { operation: job.operation, body: prepared.body, clientRef: job.clientRef },
      { key: key.key, signal: AbortSignal.timeout(deps.submitTimeoutMs) },
    )
    return settleRepeat(job, key, outcome, deps)
  })
}

async function settleRepeat(
  job: RecordIn<'ambiguous'>,
  key: ProviderKey,
  outcome: SubmitOutcome,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  switch (outcome.kind) {
    case 'accepted':
      return adopt(job, job.fence, key, outcome, deps)
    case 'refused':
      // A name that is taken is told first, but what refuses may stand before those who know the names.
      return lookForTask(job, key, outcome.error, deps)
    case 'not_accepted': {
      // This one was not; the first may have been.
      const { delayMs, reason } = await restKey(job, key, outcome, deps)
      return snoozeRepeat(job, delayMs, reason, deps)
    }
    case 'unknown':
      deps.log.warn({ jobId: job.id, fence: job.fence, detail: outcome.detail }, 'create is repeated')
      countRepeat(job, deps)
      return snoozeRepeat(job, (outcome.retryAfterMs ?? 0) / deps.speed, 'ambiguous', deps)
  }
}

function countRepeat({ provider }: JobRecord, { meter }: SubmitDeps): void {
  meter?.count('submit_ambiguous_total', { provider, resolution: 'repeated' })
}

function isUnwanted(job: JobRecord, nowMs: number): boolean {
  return job.cancelRequestedAtMs !== undefined || nowMs > queueDeadlineMs(job)
}

/** Waits as long again as it has taken so far, from a second to a minute, but not past the queue deadline. */
function snoozeRepeat(job: JobRecord, minMs: number, note: string, { now, speed }: SubmitDeps): StageOutcome {
  const sinceMs = now() - (job.times.submitting ?? now())
  const plannedMs = Math.min(MAX_REPEAT_MS / speed, Math.max(MIN_REPEAT_MS / speed, sinceMs))
  return snooze(Math.min(Math.max(plannedMs, minMs), Math.max(1, queueDeadlineMs(job) - now() + 1)), note)
}

/** Whether the vendor has the task. If so the job goes on with it; if not it ends. */
async function lookForTask(
  job: RecordIn<'ambiguous'>,
  key: ProviderKey,
  error: JobError | undefined,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { provider, pollTimeoutMs, speed, random } = deps
  const outcome = await provider.poll(job.clientRef, { key: key.key, signal: AbortSignal.timeout(pollTimeoutMs) })
  if (outcome.kind === 'missing') return endUnsubmitted(job, error, deps)
  if (outcome.kind !== 'error') return adopt(job, job.fence, key, { taskId: job.clientRef }, deps)
  const plannedMs = Math.max(outcome.retryAfterMs ?? 0, backoffMs(job.submits, 1_000, MAX_REPEAT_MS, random()))
  return endBlind(job, deps) ?? snooze(plannedMs / speed, outcome.detail)
}

async function endUnsubmitted(
  job: JobRecord,
  error: JobError | undefined,
  { jobs, meter }: SubmitDeps,
  told: { costUnknown?: true } = {},
) {
  const isCanceled = job.cancelRequestedAtMs !== undefined
  const failure = error ?? jobError('provider_unavailable')
  const ended: EndedAs = isCanceled
    ? { status: 'canceled', ...told }
    : { status: 'failed', error: failure, outputs: [], ...told }
  const settled = await jobs.end(job, ended, { fence: job.fence })
  const resolution = told.costUnknown ? 'failed' : 'not_found'
  if (settled.done) meter?.count('submit_ambiguous_total', { provider: job.provider, resolution })
  return done(isCanceled ? 'canceled' : failure.code)
}

/** The end of a job that nobody wants any more and of which nobody can tell; undefined while there is hope. */
function endBlind(job: JobRecord, deps: SubmitDeps): Promise<StageOutcome> | undefined {
  const { now, speed, log } = deps
  const unwantedSinceMs = job.cancelRequestedAtMs ?? queueDeadlineMs(job)
  if (now() < unwantedSinceMs + BLIND_GRACE_MS / speed) return undefined
  log.error({ jobId: job.id, fence: job.fence }, 'submission outcome unknown')
  return endUnsubmitted(job, undefined, deps, { costUnknown: true })
}
