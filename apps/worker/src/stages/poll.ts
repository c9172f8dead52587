import { type Cost, type JobErrorCode, jobError } from '@genqueue/contract'
import type { EndedAs, Generated, LeasedTask, Looks } from '@genqueue/jobs'
import type { PollOutcome, TaskEnd } from '@genqueue/providers'
import { afterErrorMs, nextLookMs, type PollPace } from '../pace.ts'

/** A task that was 404 after the grace period is looked at this often before it counts as lost. */
const MISSES_UNTIL_LOST = 3
const AUTH_RETRY_MS = 60_000

export type PollDecision =
  | { kind: 'again'; delayMs: number; learned: Partial<Looks>; estimatedCost?: Cost | undefined }
  | ({ kind: 'generated' } & Generated)
  /** `cancelFirst`: the vendor still works on it and must be told to stop. */
  | { kind: 'end'; ended: EndedAs; cancelFirst: boolean }

/**
 * `ageMs` is the time since submission as the pace counts it; deadlines are judged by the clock, and `blindGraceMs`
 * later while looks fail.
 */
export type PollContext = { pace: PollPace; nowMs: number; ageMs: number; blindGraceMs: number; random: number }

/**
 * What one look at a task means. Pure. A failed look says nothing about the task, which may have finished: it ends no
 * job before its deadlines and the grace, because a cancel would destroy what is already paid for. Everything the
 * vendor does not call finished is waiting.
 */
export function decidePoll(task: LeasedTask, outcome: PollOutcome, context: PollContext): PollDecision {
  switch (outcome.kind) {
    case 'waiting':
      return decideWaiting(task, outcome, context)
    case 'succeeded':
      return { kind: 'generated', ...generatedBy(outcome) }
    case 'failed':
    case 'canceled':
      return end(endedBy(outcome, task.cancelRequested))
    case 'missing':
      return decideMissing(task, context)
    case 'error': {
      const expired = pastDeadline(task, task.runningSinceMs, context.nowMs - context.blindGraceMs)
      if (expired) return endLate(task, expired)
      const pollErrors = task.pollErrors + 1
      const plannedMs =
        outcome.reason === 'auth' ? AUTH_RETRY_MS : afterErrorMs(context.pace, pollErrors, context.random)
      const delayMs = Math.max(outcome.retryAfterMs ?? 0, plannedMs)
      return { kind: 'again', delayMs, learned: { polls: task.polls + 1, pollErrors } }
    }
  }
}

function decideWaiting(
  task: LeasedTask,
  outcome: Extract<PollOutcome, { kind: 'waiting' }>,
  { pace, nowMs, ageMs, random }: PollContext,
): PollDecision {
  // The first sight of RUNNING starts that clock; a status that flaps back does not stop it.
  const runningSinceMs = task.runningSinceMs ?? (outcome.phase === 'running' ? nowMs : undefined)
  const expired = pastDeadline(task, runningSinceMs, nowMs)
  if (expired) return endLate(task, expired)
  const isThrottled = outcome.phase === 'throttled'
  return {
    kind: 'again',
    delayMs: nextLookMs(pace, ageMs, isThrottled, random),
    learned: {
      upstreamStatus: outcome.upstreamStatus,
      progress: Math.max(task.progress, outcome.progress ?? 0),
      polls: task.polls + 1,
      pollErrors: 0,
      misses: 0,
      runningSinceMs,
    },
    // The same on every look; the first has it stored.
    ...(task.polls === 0 && { estimatedCost: outcome.estimatedCost }),
  }
}

function decideMissing(task: LeasedTask, { pace, ageMs, random }: PollContext): PollDecision {
  const misses = ageMs < pace.missingGraceMs ? 0 : task.misses + 1
  if (misses >= MISSES_UNTIL_LOST) {
    return end({ status: 'failed', error: jobError('provider_lost'), outputs: [] })
  }
  return {
    kind: 'again',
    delayMs: nextLookMs(pace, ageMs, false, random),
    learned: { polls: task.polls + 1, pollErrors: 0, misses },
  }
}

/** Whether the task has had its time, whatever it does now. */
export function isOverdue(task: LeasedTask, nowMs: number): boolean {
  return pastDeadline(task, task.runningSinceMs, nowMs) !== undefined
}

function pastDeadline(task: LeasedTask, runningSinceMs: number | undefined, nowMs: number): JobErrorCode | undefined {
  if (runningSinceMs !== undefined) {
    return nowMs - runningSinceMs > task.deadlines.runningMs ? 'run_timeout' : undefined
  }
  return nowMs - task.submittedAtMs > task.deadlines.throttledMs ? 'throttled_timeout' : undefined
}

/** What a task that succeeded leaves to be copied. */
export function generatedBy(end: Extract<TaskEnd, { kind: 'succeeded' }>): Generated {
  const { urls: sources, upstreamStatus, cost, details, failures } = end
  return { sources, upstreamStatus, cost, details, failures }
}

/** How a task that brought nothing ends its job. It is canceled by our caller, or by somebody with the same account. */
export function endedBy(end: Exclude<TaskEnd, { kind: 'succeeded' }>, cancelRequested: boolean): EndedAs {
  const { cost, upstreamStatus } = end
  if (end.kind === 'failed') return { status: 'failed', error: end.error, outputs: [], cost, upstreamStatus }
  if (cancelRequested) return { status: 'canceled', cost, upstreamStatus }
  const error = jobError('provider_failed', { code: upstreamStatus, message: 'The task was canceled at the provider' })
  return { status: 'failed', error, outputs: [], cost, upstreamStatus }
}

function endLate(task: LeasedTask, code: JobErrorCode): PollDecision {
  if (task.cancelRequested) return { kind: 'end', ended: { status: 'canceled' }, cancelFirst: true }
  return { kind: 'end', ended: { status: 'failed', error: jobError(code), outputs: [] }, cancelFirst: true }
}

function end(ended: EndedAs): PollDecision {
  return { kind: 'end', ended, cancelFirst: false }
}
