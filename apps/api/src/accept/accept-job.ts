import { ProblemError, type ProviderName } from '@genqueue/contract'
import { type JobRecord, type NewJob, newJobId, type StoredInput } from '@genqueue/jobs'
import { estimateCost, laneOf, type PriceOverrides } from '@genqueue/providers'
import { checkAllowed } from '../access/check-allowed.ts'
import { limitProblem } from '../access/limit-problem.ts'
import type { AppDeps } from '../app-deps.ts'
import { withFiles } from '../files/with-files.ts'
import { rememberHook } from '../hooks.ts'
import { coerceForm, type FormShape } from '../intake/coerce-form.ts'
import { type Intake, readBody } from '../intake/read-body.ts'
import { problemOf } from '../problem-reply.ts'
import type { ApiContext, Caller } from '../route.ts'
import { leaseIntake } from './intake-lease.ts'
import { traceAccept } from './trace-accept.ts'

/** A request whose files lie in storage, `{"$input": n}` in their places. */
type TakenIn = { value: unknown; inputs: readonly StoredInput[]; encoding: Intake['encoding'] }

/** How a route makes a job of its body. */
export type JobDraft = {
  /** What a form's text stands for; a route without it takes JSON alone. */
  formShape?: FormShape
  /** Pure but for what it throws. */
  draft(request: TakenIn): Omit<NewJob, 'id' | 'team'>
}

/** The job of a request, or of the earlier one with its idempotency key. */
export async function acceptJob(
  c: ApiContext,
  caller: Caller,
  deps: AppDeps,
  draft: JobDraft,
): Promise<{ job: JobRecord; isReplay: boolean }> {
  const release = await leaseIntake(c, caller.team, deps)
  try {
    return await takeIn(c, caller, deps, draft)
  } finally {
    release()
  }
}

/**
 * Reads the body (its files go to storage on the way), makes the job of it and has it accepted. Refused requests and
 * replays leave no file behind. The job of a replay is shown as it is now.
 */
async function takeIn(
  c: ApiContext,
  caller: Caller,
  deps: AppDeps,
  { formShape, draft }: JobDraft,
): Promise<{ job: JobRecord; isReplay: boolean }> {
  const { jobs, redis, storage, config, metrics, tracing, now = Date.now } = deps
  const checkRedis = () => {
    if (redis.status !== 'ready') throw new ProblemError('unavailable', 'Try again in a second')
  }
  // Told before a large body is taken in, not after.
  checkRedis()
  const { headers, signal } = c.req.raw
  if (!formShape && headers.get('content-type')?.toLowerCase().startsWith('multipart/')) {
    throw new ProblemError('unsupported_media_type', 'Send the body as application/json; files go in as data URIs')
  }
  const id = newJobId(now())
  const keyOf = (index: number, extension: string) => `inputs/${id}/${index}.${extension}`
  const body = await readBody(c.req.raw, { storage, keyOf, limits: config.limits, signal })
  let job: Omit<NewJob, 'id' | 'team'>
  try {
    const value = body.encoding === 'form' && formShape ? coerceForm(body.value, formShape) : body.value
    job = draft({ ...(await withFiles(value, body.inputs, caller.team, deps.files)), encoding: body.encoding })
    checkAllowed(caller, job)
    checkRedis()
  } catch (error) {
    await body.discard()
    throw error
  }
  // Whatever fails here may have failed after Redis took the job: its inputs stay.
  const whole = { ...job, id, lane: laneOf(job.provider, job.model), ...moneyOf(job, caller, config.prices) }
  const outcome = await traceAccept(whole, jobs, tracing).catch((error: unknown) => {
    throw job.idempotency ? error : unknownFate(error)
  })
  if (outcome.kind === 'unkept') {
    const error = new ProblemError('unavailable', 'The job could not be made durable; try again in a second')
    if (outcome.isWritten) throw job.idempotency ? error : unknownFate(error)
    await body.discard()
    throw error
  }
  if (job.idempotency && outcome.kind !== 'limited') metrics.count('idempotency_total', { result: outcome.kind })
  if (outcome.kind === 'created') {
    const { provider, kind } = job
    const model = modelLabel(provider, job.model, config.prices)
    metrics.count('jobs_accepted_total', { provider, model, kind })
    rememberHook(outcome.job, deps)
    return { job: outcome.job, isReplay: false }
  }
  await body.discard()
  if (outcome.kind === 'limited') throw limitProblem(outcome.refusal)
  if (outcome.kind === 'conflict') {
    throw new ProblemError(
      'idempotency_key_reused',
      'This idempotency key was used with another request; use a new key for a new job',
      { param: headers.has('idempotency-key') ? 'Idempotency-Key' : 'idempotency_key' },
    )
  }
  const earlier = await jobs.get(outcome.id)
  if (!earlier) throw new ProblemError('not_found', 'The job made with this idempotency key has been deleted')
  return { job: earlier, isReplay: true }
}

/** Who pays for the job, within what limits, and what it may cost. */
function moneyOf(job: Omit<NewJob, 'id' | 'team'>, { team, apiKeyId, limits }: Caller, prices: PriceOverrides) {
  const { provider, operation, model, request } = job
  const estimatedCost = estimateCost(provider, operation, model, request.body, prices)
  return { team, apiKeyId, limits, estimatedCost, creditUsd: prices.credit_usd }
}

/** What our tables or the operator's prices name; of all else callers could make any number. */
function modelLabel(provider: ProviderName, model: string | undefined, { models }: PriceOverrides): string {
  if (model === undefined) return 'none'
  return laneOf(provider, model) === model || Object.hasOwn(models, `${provider}/${model}`) ? model : 'other'
}

/** Sent again by an SDK on its own, a request without a key could be paid for twice. */
function unknownFate(cause: unknown): unknown {
  if (problemOf(cause).code !== 'unavailable') return cause
  const message =
    'It is not known whether the job was accepted. Look for it among the jobs before you send it again, or send an Idempotency-Key'
  return new ProblemError('unavailable', message, { headers: { 'x-should-retry': 'false' }, cause })
}

export const REPLAYED = { 'idempotent-replayed': 'true' }
