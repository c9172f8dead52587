import type { Cost } from '@genqueue/contract'
import type { Jobs, LeasedTask, Looks } from '@genqueue/jobs'
import type { Meter } from '@genqueue/metrics'
import type { PollOutcome, Provider } from '@genqueue/providers'
import type { ProviderKey } from './key-ring.ts'
import type { Log } from './log.ts'
import { afterErrorMs, type PollPace } from './pace.ts'
import { decidePoll, isOverdue } from './stages/poll.ts'

/** A task that is overdue and cannot be stopped is given up after so many failures in a row, some seven minutes. */
const MAX_STOP_TRIES = 10

export type LookDeps = {
  jobs: Jobs
  provider: Provider
  pace: PollPace
  timeoutMs: number
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  meter?: Meter
  now: () => number
  random: () => number
  /** Told of each sight of a task that goes on; never rejects. */
  onSeen?: (task: LeasedTask, learned: Partial<Looks>) => Promise<void>
}

/** Writes down when a task is looked at again, and what is known of it by now. */
export type TakeNote = (task: LeasedTask, plannedMs: number, learned: Partial<Looks>, estimatedCost?: Cost) => void

/** Does what one look at a task calls for: looks again later, hands it to the copy, or ends the job. */
export async function settleLook(
  task: LeasedTask,
  key: ProviderKey | undefined,
  outcome: PollOutcome,
  note: TakeNote,
  deps: LookDeps,
): Promise<void> {
  const { jobs, provider, pace, speed, now, random, log, meter } = deps
  const nowMs = now()
  const what = outcome.kind === 'error' ? outcome.reason : outcome.kind
  meter?.count('polls_total', { provider: provider.name, outcome: what })
  const ageMs = (nowMs - task.submittedAtMs) * speed
  const context = { pace, nowMs, ageMs, blindGraceMs: pace.blindGraceMs / speed, random: random() }
  const decision = decidePoll(task, outcome, context)
  if (decision.kind === 'again') {
    // What is wrong with the key is no fault of the task, and must not set it apart from those that are asked together.
    const isKeys = outcome.kind === 'error' && (outcome.reason === 'auth' || outcome.reason === 'rate_limited')
    const blame = provider.pollMany && isKeys ? { pollErrors: task.pollErrors } : {}
    note(task, decision.delayMs, { ...decision.learned, ...blame }, decision.estimatedCost)
    if (outcome.kind === 'waiting') await deps.onSeen?.(task, decision.learned)
    return
  }
  const stopped =
    decision.kind === 'end' && decision.cancelFirst ? await stopUpstream(task, key, note, deps) : UNTOUCHED
  if (!stopped) return
  const job = await jobs.get(task.id)
  if (job?.status !== 'submitted') return
  if (decision.kind === 'generated') {
    const { kind: _, ...found } = decision
    const generated = await jobs.generated(job, task.lease, found)
    log.info({ jobId: task.id, stage: 'poll', done: generated.done }, 'task finished')
    return
  }
  // Of a task that could not be looked at, nobody knows whether it was still at work when it was stopped.
  const costUnknown = stopped.costUnknown || (stopped !== UNTOUCHED && outcome.kind === 'error')
  const told = { polls: task.polls + 1, ...(costUnknown && { costUnknown }) }
  const ended = await jobs.end(job, { ...decision.ended, ...told }, { lease: task.lease })
  log.info({ jobId: task.id, stage: 'poll', done: ended.done, status: decision.ended.status }, 'job ended')
}

/** Ends a job whose caller wants it to end, once the vendor has stopped its task. */
export async function settleCancel(task: LeasedTask, key: ProviderKey, note: TakeNote, deps: LookDeps): Promise<void> {
  const stopped = await stopUpstream(task, key, note, deps)
  if (!stopped) return
  const job = await deps.jobs.get(task.id)
  if (job?.status === 'submitted') await deps.jobs.end(job, { status: 'canceled', ...stopped }, { lease: task.lease })
}

/** Whether a task that nobody follows any more may still be charged for. */
type Stopped = { costUnknown?: true }

const UNTOUCHED: Stopped = {}

/** That the vendor has stopped the task, or will not be made to; undefined when it is tried again later. */
async function stopUpstream(
  task: LeasedTask,
  key: ProviderKey | undefined,
  note: TakeNote,
  { provider, timeoutMs, pace, now, random, log }: LookDeps,
): Promise<Stopped | undefined> {
  const call = key && { key: key.key, signal: AbortSignal.timeout(timeoutMs) }
  const outcome = call ? await provider.cancel(task.taskId, call) : undefined
  if (outcome?.kind === 'gone') return {}
  if (outcome?.kind === 'unsupported') {
    log.warn({ jobId: task.id, taskId: task.taskId }, 'task is abandoned at the vendor')
    return { costUnknown: true }
  }
  const tries = task.pollErrors + 1
  if (!outcome || (tries >= MAX_STOP_TRIES && isOverdue(task, now()))) {
    log.error({ jobId: task.id, taskId: task.taskId, tries }, 'task could not be stopped and is left at the vendor')
    return { costUnknown: true }
  }
  const delayMs = Math.max(outcome.retryAfterMs ?? 0, afterErrorMs(pace, tries, random()))
  note(task, delayMs, { pollErrors: tries })
  return undefined
}
