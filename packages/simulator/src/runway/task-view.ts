import type { Dialect } from './catalogue.ts'
import type { PollStep } from './script.ts'
import { endingOf, finalStatus, regularState, type Task } from './task.ts'

const SEED004_STATUS: Readonly<Record<string, string>> = { RUNNING: 'PROCESSING', THROTTLED: 'PENDING' }

/**
 * The step of the script that this GET plays, used up by the call; undefined when the task shows its regular state.
 */
export function takeStep(task: Task, nowMs: number): PollStep | undefined {
  const steps = task.script.poll ?? []
  for (;;) {
    const step = steps[task.stepIndex]
    if (!step || (step.wait && !task.final)) return undefined
    const leaveAtMs = step.ms === undefined ? undefined : task.stepSinceMs + step.ms
    if (leaveAtMs === undefined ? task.stepPolls < pollsOf(step, steps) : nowMs < leaveAtMs) {
      task.stepPolls += 1
      return step
    }
    task.stepIndex += 1
    task.stepPolls = 0
    task.stepSinceMs = leaveAtMs ?? nowMs
  }
}

function pollsOf(step: PollStep, steps: readonly PollStep[]): number {
  const isEnding = step.http === undefined && finalStatus(step.status) !== undefined
  if (step.polls === 'forever' || (isEnding && step === steps.at(-1))) return Number.POSITIVE_INFINITY
  return step.polls ?? (Array.isArray(step.progress) ? Math.max(1, step.progress.length) : 1)
}

/** What the API tells of a task; which fields there are depends on the status. */
export interface TaskView {
  readonly id: string
  readonly status: string
  readonly createdAt: string
  readonly [field: string]: unknown
}

/** The task as the API shows it, with what the step changes. */
export function viewTask(
  task: Task,
  step: PollStep | undefined,
  { nowMs, dialect, issueUrls }: { nowMs: number; dialect: Dialect; issueUrls: () => string[] },
): TaskView {
  const regular = regularState(task, nowMs)
  const status = step?.status ?? regular.status
  const final = finalStatus(status)
  const details = (finalStatus(step?.status) ? step : endingOf(task.script)) ?? {}
  const spelled = step?.status === undefined && final ? (details.status ?? status) : status
  const common = {
    id: task.id,
    status: spell(task, dialect, spelled),
    createdAt: new Date(task.createdAtMs).toISOString(),
  }
  const real = dialect === 'real'
  if (!final) {
    const progress = progressOf(task, step, regular.progress)
    return {
      ...common,
      ...(real && status.toUpperCase() === 'RUNNING' && progress !== null ? { progress } : {}),
      ...(real ? { estimatedCost: { credits: task.estimatedCredits } } : {}),
    }
  }
  const cost = real && details.cost !== null ? { cost: { credits: task.final?.creditsCharged ?? 0 } } : {}
  if (final === 'SUCCEEDED') {
    if (details.omitOutput) return { ...common, ...cost }
    return { ...common, ...cost, output: details.output === undefined ? issueUrls() : details.output }
  }
  if (final === 'CANCELLED') return { ...common, ...cost }
  const failure = details.failure === undefined ? 'An unexpected error occurred.' : details.failure
  return {
    ...common,
    ...cost,
    ...(failure === null ? {} : { failure }),
    ...(real && details.failureCode !== undefined ? { failureCode: details.failureCode } : {}),
  }
}

function spell(task: Task, dialect: Dialect, status: string): string {
  const word = dialect === 'seed004' ? (SEED004_STATUS[status] ?? status) : status
  return task.script.lowercaseStatus ? word.toLowerCase() : word
}

/** Null leaves the field out. */
function progressOf(task: Task, step: PollStep | undefined, regular: number | undefined): number | null {
  if (step?.progress === undefined) return regular ?? 0
  if (!Array.isArray(step.progress)) return step.progress
  return step.progress[Math.min(task.stepPolls, step.progress.length) - 1] ?? null
}
