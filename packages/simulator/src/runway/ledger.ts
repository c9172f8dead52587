import { fingerprint } from '../seeded.ts'
import { regularState } from './task.ts'
import type { World } from './world.ts'

export interface LedgerEntry {
  readonly taskId: string
  /** Fingerprint of the API key. */
  readonly key: string
  readonly model: string
  readonly endpoint: string
  readonly marker: string | undefined
  readonly status: string
  readonly createdAtMs: number
  readonly estimatedCredits: number
  /** Undefined until the task is over. */
  readonly finalCredits: number | undefined
  readonly refunded: boolean
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[]
  readonly creditsCharged: number
  /** For each marker, how many create requests came and how many tasks they made. */
  readonly markers: Readonly<Record<string, { readonly requests: number; readonly tasks: number }>>
}

export interface TaskSummary extends LedgerEntry {
  readonly polls: number
  readonly progress: number | undefined
  readonly startedAtMs: number | undefined
  readonly finishedAtMs: number | undefined
  readonly deletedAtMs: number | undefined
  readonly outputCount: number
  readonly downloaded: readonly number[]
  readonly body: unknown
}

/** What the tasks so far have cost, and how many of them each marker made. */
export function readLedger(world: World): Ledger {
  const summaries = summarizeTasks(world)
  const markers: Record<string, { requests: number; tasks: number }> = {}
  for (const [marker, requests] of world.requestsByMarker) markers[marker] = { requests, tasks: 0 }
  for (const { marker } of summaries) {
    const counted = marker === undefined ? undefined : markers[marker]
    if (counted) counted.tasks += 1
  }
  return {
    entries: summaries.map(({ taskId, key, model, endpoint, marker, status, createdAtMs, ...money }) => ({
      taskId,
      key,
      model,
      endpoint,
      marker,
      status,
      createdAtMs,
      estimatedCredits: money.estimatedCredits,
      finalCredits: money.finalCredits,
      refunded: money.refunded,
    })),
    creditsCharged: summaries.reduce((sum, { finalCredits }) => sum + (finalCredits ?? 0), 0),
    markers,
  }
}

/** Every task ever accepted, deleted ones included, in the order of creation. */
export function summarizeTasks(world: World): TaskSummary[] {
  const nowMs = world.clock.now()
  return world.tasks().map((task) => {
    const { status, progress } = regularState(task, nowMs)
    return {
      taskId: task.id,
      key: fingerprint(task.account.key),
      model: task.model,
      endpoint: task.endpoint,
      marker: task.marker,
      status,
      progress,
      createdAtMs: task.createdAtMs,
      startedAtMs: task.startedAtMs,
      finishedAtMs: task.final?.atMs,
      deletedAtMs: task.deletedAtMs,
      estimatedCredits: task.estimatedCredits,
      finalCredits: task.final?.creditsCharged,
      refunded: task.final !== undefined && task.final.creditsCharged < task.estimatedCredits,
      polls: task.polls,
      outputCount: task.outputs.length,
      downloaded: [...task.downloaded],
      body: task.body,
    }
  })
}
