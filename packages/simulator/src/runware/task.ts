import type { Account } from '../accounts.ts'
import type { MediaType } from '../assets/media.ts'
import type { PollStep, ResultSpec, RunwareScript } from './script.ts'
import type { TaskRequest } from './task-request.ts'
import type { TaskType } from './task-types.ts'

/** One of the results a task was asked for. */
export interface Generation {
  readonly index: number
  readonly spec: ResultSpec
  /** Infinite when it never comes. */
  readonly finishAtMs: number
  /** The id of its asset, and of its text. */
  readonly uuid: string
  readonly seed: bigint
  readonly media: MediaType | undefined
  /** Undefined when nothing is charged. */
  readonly chargeUsd: number | undefined
  /** The bytes are on their way to the caller's uploadEndpoint. */
  isBeingPut: boolean
}

/** One task of the provider, from the moment it was accepted. */
export interface Task {
  readonly uuid: string
  readonly ordinal: number
  readonly account: Account
  readonly type: TaskType
  /** The name the request used, which may be an older one. */
  readonly sentType: string
  readonly model: string
  readonly marker: string | undefined
  readonly request: TaskRequest
  readonly isAsync: boolean
  readonly createdAtMs: number
  readonly spanMs: number
  readonly script: RunwareScript
  readonly generations: readonly Generation[]
  /** One for each output that goes to the caller's uploadEndpoint, fulfilled when it has arrived or failed. */
  readonly puts: Promise<void>[]
  /** A restart has wiped it out. */
  isLost: boolean
  /** Position in the script. */
  stepIndex: number
  stepPolls: number
  stepSinceMs: number
  polls: number
  lastPollAtMs: number | undefined
  readonly downloadsUsed: Map<number, number>
  readonly downloaded: Set<number>
  /** Outputs that are answered so from now on, by index. */
  readonly expired: Map<number, number | undefined>
}

export function isDone({ finishAtMs, isBeingPut }: Generation, nowMs: number): boolean {
  return nowMs >= finishAtMs && !isBeingPut
}

export function isOver({ generations }: Task, nowMs: number): boolean {
  return generations.every((generation) => isDone(generation, nowMs))
}

/** Infinite when one of its generations never comes. */
export function finishAtMs({ generations }: Task): number {
  return generations.reduce((latest, { finishAtMs }) => Math.max(latest, finishAtMs), 0)
}

export function stateOf(task: Task, nowMs: number): 'processing' | 'success' | 'partial' | 'error' {
  if (!isOver(task, nowMs)) return 'processing'
  const failures = task.generations.filter(({ spec }) => spec.status === 'error').length
  if (failures === 0) return 'success'
  return failures === task.generations.length ? 'error' : 'partial'
}

/** Charged so far: a failure costs nothing, and no generation is charged twice. */
export function chargesOf({ generations }: Task, nowMs: number): number[] {
  return generations.flatMap((generation) =>
    generation.chargeUsd !== undefined && nowMs >= generation.finishAtMs ? [generation.chargeUsd] : [],
  )
}

/** The step of the script that this poll plays, used up by the call; undefined when the regular state is shown. */
export function takePollStep(task: Task, nowMs: number): PollStep | undefined {
  const steps = task.script.poll ?? []
  for (;;) {
    const step = steps[task.stepIndex]
    if (!step || (step.wait && !isOver(task, nowMs))) return undefined
    const leaveAtMs = step.ms === undefined ? undefined : task.stepSinceMs + step.ms
    if (leaveAtMs === undefined ? task.stepPolls < pollsOf(step) : nowMs < leaveAtMs) {
      task.stepPolls += 1
      return step
    }
    task.stepIndex += 1
    task.stepPolls = 0
    task.stepSinceMs = leaveAtMs ?? nowMs
  }
}

function pollsOf({ polls, progress }: PollStep): number {
  if (polls === 'forever') return Number.POSITIVE_INFINITY
  return polls ?? (Array.isArray(progress) ? Math.max(1, progress.length) : 1)
}
