import { type JobError, jobError } from '@genqueue/contract'
import type { PollOutcome } from '../provider.ts'
import { errorClassOf } from './error-class.ts'
import { type ResultOutput, resultOutputs } from './result-outputs.ts'
import { taskError } from './task-error.ts'
import type { Complaint, Envelope, Result } from './wire.ts'

/** Results that the vendor does not mention, not even as being worked on, are waited for this long. */
const UNMENTIONED_GRACE_MS = 10 * 60_000

export type Expectation = { results?: number | undefined; ageMs?: number | undefined }

type Standing =
  | { kind: 'made'; outputs: ResultOutput[] }
  | { kind: 'failed'; error: JobError }
  | { kind: 'canceled' }
  | { kind: 'open'; isRunning: boolean; progress: number | undefined }

/** What all that is told about one task amounts to. A task ends when every one of its results has. */
export function taskState({ results, complaints }: Envelope, { results: expected, ageMs }: Expectation): PollOutcome {
  const told = withoutRepeats(results.map((result) => ({ result, standing: standingOf(result) })))
  const standings = [...told.map(({ standing }) => standing), ...complaints.map(standingOfComplaint)]
  const made = standings.filter((one) => one.kind === 'made')
  const failures = standings.flatMap((one) => (one.kind === 'failed' ? [one.error] : []))

  const isMissing = made.length > 0 && made.length + failures.length < (expected ?? 0)
  const isWaitedFor = isMissing && ageMs !== undefined && ageMs < UNMENTIONED_GRACE_MS
  const upstreamStatus = (told.find(({ result }) => result.status)?.result.status ?? 'accepted').slice(0, 64)
  if (standings.length === 0 || isWaitedFor || standings.some(({ kind }) => kind === 'open')) {
    return waiting(standings, upstreamStatus)
  }
  const cost = costOf(told.map(({ result }) => result))
  if (made.length > 0) return { ...succeeded(made, failures), ...cost }
  const [error] = failures
  if (error) return { kind: 'failed', upstreamStatus: 'error', error, ...cost }
  return { kind: 'canceled', upstreamStatus, ...cost }
}

function succeeded(made: readonly Extract<Standing, { kind: 'made' }>[], failures: readonly JobError[]): PollOutcome {
  const outputs = made.flatMap((one) => one.outputs)
  const urls = outputs.map(({ url }) => url)
  const details = outputs.map(({ detail }) => detail)
  return { kind: 'succeeded', upstreamStatus: 'success', urls, details, ...(failures.length > 0 && { failures }) }
}

type Told = { result: Result; standing: Standing }

/** The same file told twice is one result; texts may be alike and are not. */
function withoutRepeats(told: readonly Told[]): Told[] {
  const seen = new Set<string>()
  return told.filter(({ standing }) => {
    const key = standing.kind === 'made' && standing.outputs[0]?.key
    if (!key) return true
    const isNew = !seen.has(key)
    seen.add(key)
    return isNew
  })
}

function standingOf(result: Result): Standing {
  const status = result.status?.trim().toLowerCase()
  if (result.error || status === 'error' || status === 'failed') return standingOfComplaint(complaintOf(result))
  if (status === 'canceled' || status === 'cancelled') return { kind: 'canceled' }
  const outputs = status === undefined || status === 'success' ? resultOutputs(result) : []
  // Older results have no status; what has files is done.
  const isDone = status === 'success' || outputs.length > 0
  if (!isDone) return { kind: 'open', isRunning: status !== undefined, progress: result.progress }
  // The flag is only set for who asked for the check: such a result is not to be handed on.
  if (result.NSFWContent) return { kind: 'failed', error: jobError('moderation', { code: 'NSFWContent' }) }
  return outputs.length > 0 ? { kind: 'made', outputs } : { kind: 'failed', error: jobError('empty_output') }
}

function standingOfComplaint(complaint: Complaint): Standing {
  if (errorClassOf(complaint.code) === 'task_canceled') return { kind: 'canceled' }
  return { kind: 'failed', error: taskError(complaint) }
}

/** The complaint of a failed result, whether it stands in a field of its own or beside the others. */
export function complaintOf(result: Result): Complaint {
  const { code, message, parameter, allowedValues, min, max, taskUUID } = result
  return result.error ?? { code, message, parameter, allowedValues, min, max, taskUUID }
}

function waiting(told: readonly Standing[], upstreamStatus: string): PollOutcome {
  const known = told.some((one) => one.kind === 'open' && one.progress !== undefined)
  const shares = told.map((one) => (one.kind === 'open' ? fraction(one.progress ?? 0) : 1))
  const isRunning = told.some((one) => one.kind !== 'open' || one.isRunning)
  return {
    kind: 'waiting',
    phase: isRunning ? 'running' : 'queued',
    upstreamStatus,
    ...(known && { progress: shares.reduce((sum, share) => sum + share, 0) / shares.length }),
  }
}

function fraction(percent: number): number {
  return Math.min(Math.max(percent / 100, 0), 1)
}

function costOf(results: readonly Result[]) {
  const costs = results.flatMap(({ cost }) => (cost === undefined ? [] : [cost]))
  if (costs.length === 0) return {}
  // Sums of cents are not exact in binary.
  const amount = Number(costs.reduce((sum, cost) => sum + cost, 0).toFixed(8))
  return { cost: { amount, unit: 'usd' as const } }
}
