import { jobError, type Output } from '@genqueue/contract'
import type { JobRecord, Jobs, RecordIn, Submissions } from '@genqueue/jobs'
import type { Provider } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import type { CopyFailure, CopyOutcome, CopySource } from '../copy-output.ts'
import type { KeyRing } from '../key-ring.ts'
import type { Log } from '../log.ts'
import { backoffMs } from '../pace.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'

/** A copy that took its worker down this often is not tried again. */
const MAX_CRASHES = 20
/** What came was not the file: it is asked for this often before that is believed. */
const MAX_CONTENT_TRIES = 5

export type CopyStageDeps = {
  jobs: Jobs
  submissions: Submissions
  provider: Provider
  keyRing: KeyRing
  storage: Storage
  copy: (source: CopySource, signal: AbortSignal) => Promise<CopyOutcome>
  pollTimeoutMs: number
  /** How long a vendor's or bucket's outage is waited out. */
  deadlineMs: number
  speed: number
  log: Log
  now: () => number
  random: () => number
}

/** Copies every output into the bucket; only then is the job succeeded. Rerunning overwrites the same objects. */
export async function copy(job: JobRecord, deps: CopyStageDeps, signal: AbortSignal): Promise<StageOutcome> {
  if (job.status !== 'generated') return done('nothing to copy')
  const { jobs, submissions } = deps
  const run = await submissions.beginCopy(job)
  if (!run) return done('nothing to copy')
  if (run.crashes > MAX_CRASHES) {
    await jobs.end(job, { status: 'failed', error: jobError('poisoned'), outputs: [] }, { fence: run.fence })
    return done('poisoned')
  }
  try {
    return await copyAll(job, run, deps, signal)
  } catch (error) {
    await submissions.endCopy(job)
    throw error
  }
}

async function copyAll(
  job: RecordIn<'generated'>,
  run: { fence: number; failures: number },
  deps: CopyStageDeps,
  signal: AbortSignal,
): Promise<StageOutcome> {
  let outcomes = await copyEach(job, job.sources, deps, signal)
  if (outcomes.some(mayHaveFreshUrl)) {
    outcomes = await retryWithFreshUrls(job, outcomes, deps, signal)
  }
  const outputs = outcomes.flatMap((outcome, index) => {
    const seed = job.details?.[index]?.seed
    return outcome.kind === 'copied' ? [{ ...outcome.output, ...(seed !== undefined && { seed }) }] : []
  })
  const failure = worst(outcomes)
  if (!failure) return succeed(job, run.fence, outputs, deps)
  deps.log.warn({ jobId: job.id, code: failure.code, kind: failure.kind, detail: failure.detail }, 'copy failed')
  if (isFinal(job, failure, run.failures + 1, deps)) return fail(job, run.fence, failure, outputs, deps)
  const delayMs = backoffMs(run.failures + 1, 1_000, 300_000, deps.random()) / deps.speed
  await deps.submissions.endCopy(job, { reason: failure.code, untilMs: deps.now() + delayMs })
  return snooze(delayMs, failure.code)
}

async function copyEach(
  job: RecordIn<'generated'>,
  urls: readonly string[],
  { copy }: CopyStageDeps,
  signal: AbortSignal,
): Promise<CopyOutcome[]> {
  const outcomes: CopyOutcome[] = []
  for (const [index, url] of urls.entries()) {
    outcomes.push(await copy(sourceOf(job, url, index), signal))
  }
  return outcomes
}

function sourceOf(job: RecordIn<'generated'>, url: string, index: number): CopySource {
  return { url, index, keyWithoutExtension: outputKey(job, index), operation: job.operation, kind: job.kind }
}

/** Deterministic, so that a rerun overwrites itself; dated by the job's intake, so that buckets stay listable. */
function outputKey(job: JobRecord, index: number): string {
  const [year, month] = new Date(job.times.queued ?? 0).toISOString().split('-')
  return `${year}/${month}/${job.id}/${index}`
}

async function retryWithFreshUrls(
  job: RecordIn<'generated'>,
  outcomes: CopyOutcome[],
  deps: CopyStageDeps,
  signal: AbortSignal,
): Promise<CopyOutcome[]> {
  const key = deps.keyRing.byId(job.providerKeyId)
  if (!key) return outcomes
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(deps.pollTimeoutMs)])
  const fresh = await deps.provider.poll(job.taskId, { key: key.key, signal: deadline })
  if (fresh.kind === 'error') return outcomes.map((outcome) => asTransient(outcome, fresh.detail))
  if (fresh.kind !== 'succeeded') return outcomes
  const again: CopyOutcome[] = []
  for (const [index, outcome] of outcomes.entries()) {
    const url = fresh.urls[index]
    const isWanted = url !== undefined && mayHaveFreshUrl(outcome)
    again.push(isWanted ? await deps.copy(sourceOf(job, url, index), signal) : outcome)
  }
  return again
}

/** Behind a dead URL, or one that gives nothing, a fresh one may give the file. */
function mayHaveFreshUrl(outcome: CopyOutcome): boolean {
  return outcome.kind === 'failed' && (outcome.failure.kind === 'expired' || outcome.failure.code === 'empty_output')
}

/** The vendor could not be asked for a fresh URL now, so it is not known yet whether there is one. */
function asTransient(outcome: CopyOutcome, detail: string): CopyOutcome {
  if (outcome.kind === 'copied' || outcome.failure.kind !== 'expired') return outcome
  return { kind: 'failed', failure: { code: 'output_unavailable', kind: 'transient', detail } }
}

const SEVERITY: readonly CopyFailure['kind'][] = ['transient', 'content', 'expired', 'final']

/** What decides about the job: something that may still come right keeps it open. */
function worst(outcomes: readonly CopyOutcome[]): CopyFailure | undefined {
  const failures = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.failure] : []))
  return failures.sort((a, b) => SEVERITY.indexOf(a.kind) - SEVERITY.indexOf(b.kind))[0]
}

function isFinal(job: RecordIn<'generated'>, failure: CopyFailure, failures: number, deps: CopyStageDeps): boolean {
  switch (failure.kind) {
    case 'final':
    case 'expired':
      return true
    case 'content':
      return failures >= MAX_CONTENT_TRIES
    case 'transient':
      return deps.now() - (job.times.generated ?? 0) > deps.deadlineMs
  }
}

async function succeed(
  job: RecordIn<'generated'>,
  fence: number,
  outputs: Output[],
  deps: CopyStageDeps,
): Promise<StageOutcome> {
  const ended = await deps.jobs.end(job, { status: 'succeeded', outputs, cost: job.cost }, { fence })
  if (!ended.done) return dropped(outputs, ended.found, deps)
  return done('succeeded')
}

async function fail(
  job: RecordIn<'generated'>,
  fence: number,
  failure: CopyFailure,
  outputs: Output[],
  deps: CopyStageDeps,
): Promise<StageOutcome> {
  const error = jobError(failure.code)
  const ended = await deps.jobs.end(job, { status: 'failed', error, outputs, cost: job.cost }, { fence })
  if (!ended.done) return dropped(outputs, ended.found, deps)
  return done(failure.code)
}

/** Canceled while the files came in: nobody will ask for them. A younger run of the same copy keeps them. */
async function dropped(outputs: readonly Output[], found: string, deps: CopyStageDeps): Promise<StageOutcome> {
  if (found === 'canceled' || found === 'gone') {
    await Promise.all(outputs.map(({ key }) => deps.storage.delete(key)))
  }
  return done(`ended elsewhere: ${found}`)
}
