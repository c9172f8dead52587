import type { Account } from '../accounts.ts'
import type { Lane, LaneTask } from './lane.ts'
import type { OutputSpec } from './outputs.ts'
import type { PollStep, Script } from './script.ts'

export type FinalStatus = 'SUCCEEDED' | 'FAILED' | 'CANCELLED'

export interface Timing {
  readonly pendingMs: number
  readonly runningMs: number
  readonly progressSteps: number
}

export interface Final {
  readonly status: FinalStatus
  readonly atMs: number
  readonly creditsCharged: number
}

/** One task of the provider, from the moment it was accepted. */
export interface Task extends LaneTask {
  readonly id: string
  /** The folder of its outputs at the asset host. */
  readonly assetId: string
  readonly ordinal: number
  readonly account: Account
  readonly endpoint: string
  readonly model: string
  readonly body: unknown
  readonly marker: string | undefined
  readonly createdAtMs: number
  readonly estimatedCredits: number
  readonly script: Script
  readonly timing: Timing
  readonly outputs: readonly OutputSpec[]
  readonly lane: Lane<Task>
  final: Final | undefined
  deletedAtMs: number | undefined
  /** Position in the script. */
  stepIndex: number
  stepPolls: number
  stepSinceMs: number
  polls: number
  urlsIssued: number
  /** URLs up to this one are answered as expired. */
  urlsExpired: number
  expiredAnswer: number | undefined
  downloadsUsed: Map<number, number>
  downloaded: Set<number>
  deletesUsed: number
}

/** `SUCCEEDED`, `canceled` and the like; undefined for a word that ends nothing. */
export function finalStatus(word: string | undefined): FinalStatus | undefined {
  const upper = word?.toUpperCase()
  if (upper === 'CANCELED') return 'CANCELLED'
  return upper === 'SUCCEEDED' || upper === 'FAILED' || upper === 'CANCELLED' ? upper : undefined
}

/** The step that says how the task ends, if its script has one. */
export function endingOf(script: Script): PollStep | undefined {
  return script.poll?.find((step) => step.http === undefined && finalStatus(step.status) !== undefined)
}

/** How long the task keeps its slot; infinite when its script, and not the time, ends it. */
export function spanOf(script: Script, timing: Timing): number {
  const ending = endingOf(script)
  const steps = script.poll ?? []
  const before = ending ? steps.slice(0, steps.indexOf(ending)) : steps
  const isEndless = before.some((step) => step.polls === 'forever' && step.status !== undefined)
  if (isEndless || (ending !== undefined && !ending.wait)) return Number.POSITIVE_INFINITY
  return timing.pendingMs + timing.runningMs
}

/** The state that time alone gives the task: its script has no say here. */
export function regularState(task: Task, nowMs: number): { status: string; progress?: number } {
  if (task.final) return { status: task.final.status }
  if (task.startedAtMs === undefined) return { status: 'THROTTLED' }
  const runningForMs = nowMs - task.startedAtMs - task.timing.pendingMs
  if (runningForMs < 0) return { status: 'PENDING' }
  const { progressSteps, runningMs } = task.timing
  const share = runningMs > 0 ? Math.min(runningForMs / runningMs, 1 - 1 / progressSteps) : 0
  return { status: 'RUNNING', progress: Math.floor(share * progressSteps) / progressSteps }
}

/** Moderation of the input is charged, anything else that fails is not. */
export function creditsCharged(status: FinalStatus, estimate: number, ending: PollStep | undefined): number {
  if (typeof ending?.cost === 'number') return ending.cost
  if (status === 'SUCCEEDED') return estimate
  return status === 'FAILED' && ending?.failureCode?.startsWith('SAFETY.INPUT') ? estimate : 0
}
