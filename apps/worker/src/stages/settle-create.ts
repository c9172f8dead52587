import type { JobRecord } from '@genqueue/jobs'
import type { SubmitOutcome, WaitOutcome } from '@genqueue/providers'
import type { ProviderKey } from '../key-ring.ts'
import { backoffMs } from '../pace.ts'
import { done, type StageOutcome } from './outcome.ts'
import { endedBy, generatedBy } from './poll.ts'
import type { SubmitDeps } from './submit-deps.ts'

/** From the second on, a refused key is tried again after twice the time, up to some minutes. */
const AUTH_REST_MS = 60_000
const LONGEST_AUTH_REST_MS = 480_000
const QUOTA_REST_MS = 300_000

/** The vendor has taken the task: from now on it is looked at. */
export async function adopt(
  job: JobRecord,
  fence: number,
  key: ProviderKey,
  answer: Omit<Extract<SubmitOutcome, { kind: 'accepted' }>, 'kind'>,
  { submissions, provider, firstLookMs, log, meter, submitTimeoutMs }: SubmitDeps,
): Promise<StageOutcome> {
  const { taskId, estimatedCost } = answer
  const stored = await submissions.accepted(job, {
    fence,
    providerKeyId: key.id,
    taskId,
    firstLookMs,
    ...(estimatedCost && { estimatedCost }),
  })
  if (job.status === 'ambiguous') {
    const resolution = stored === 'submitted' ? 'adopted' : 'orphaned'
    meter?.count('submit_ambiguous_total', { provider: job.provider, resolution })
  }
  if (stored === 'submitted') return done('submitted')
  // The job went on without this attempt. What it started is canceled, so that it is not charged for nothing.
  const canceled = await provider.cancel(taskId, { key: key.key, signal: AbortSignal.timeout(submitTimeoutMs) })
  log.error({ jobId: job.id, taskId, canceled: canceled.kind }, 'task without a job')
  return done('orphan')
}

/** The answer brought the task's end: its files are left to be copied, or the job ends. */
export async function finish(
  job: JobRecord,
  fence: number,
  key: ProviderKey,
  { taskId, end }: Extract<WaitOutcome, { kind: 'finished' }>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { jobs, submissions } = deps
  if (end.kind === 'succeeded') {
    const stored = await submissions.finished(job, { fence, providerKeyId: key.id, taskId, ...generatedBy(end) })
    if (stored === 'generated') return done('generated')
    // Somebody else has settled this create meanwhile; the looks find the same end.
    if (stored === 'elsewhere') return adopt(job, fence, key, { taskId }, deps)
  }
  const current = await jobs.get(job.id)
  if (!current) return done('gone')
  const { cost, upstreamStatus } = end
  const ended =
    end.kind === 'succeeded'
      ? ({ status: 'canceled', cost, upstreamStatus } as const)
      : endedBy(end, current.cancelRequestedAtMs !== undefined)
  const outcome = await jobs.end(current, { ...ended, taskId }, { fence, from: ['submitting'] })
  return outcome.done ? done(ended.status) : adopt(job, fence, key, { taskId }, deps)
}

/** What a job that waits is waiting for, and what it fails with when that lasts past its queue deadline. */
const WAITS = {
  auth: 'provider_auth',
  quota: 'quota_exceeded',
  rate_limited: 'rate_limited',
  unavailable: 'provider_unavailable',
} as const

/**
 * Certainly not accepted: the key rests where it is the key's fault. Tells how long to wait, and for what. The operator
 * is told once, when the rest begins, however many creates are refused at once.
 */
export async function restKey(
  job: JobRecord,
  key: ProviderKey,
  outcome: Extract<SubmitOutcome, { kind: 'not_accepted' }>,
  { keyRing, speed, random, log, meter }: SubmitDeps,
): Promise<{ delayMs: number; reason: string }> {
  const restMs = { auth: AUTH_REST_MS, quota: QUOTA_REST_MS, rate_limited: 30_000, unavailable: 0 }[outcome.reason]
  const plannedMs =
    outcome.reason === 'unavailable'
      ? backoffMs(job.submits, 1_000, 60_000, random())
      : (outcome.retryAfterMs ?? restMs)
  const reason = WAITS[outcome.reason]
  if (outcome.rests === 'nothing') return { delayMs: plannedMs / speed, reason }
  const model = outcome.rests === 'key' ? undefined : job.model
  const grows = outcome.reason === 'auth' && { longestMs: LONGEST_AUTH_REST_MS / speed }
  const rest = await keyRing.rest(key, model, { restMs: plannedMs / speed, reason, ...grows })
  if (rest.isNew) {
    const level = outcome.reason === 'rate_limited' ? 'warn' : 'error'
    const { provider, id: jobId } = job
    meter?.count('provider_key_rests_total', { provider, reason: outcome.reason })
    log[level](
      { provider, keyId: key.id, model, jobId, reason: outcome.reason, restMs: rest.restMs },
      outcome.reason === 'auth' ? 'provider key is parked' : 'provider key rests',
    )
  }
  return { delayMs: rest.restMs, reason }
}
