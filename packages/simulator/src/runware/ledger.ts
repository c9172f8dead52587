import { fingerprint } from '../seeded.ts'
import { chargesOf, stateOf, type Task } from './task.ts'
import { roundUsd } from './task-types.ts'
import type { World } from './world.ts'

export interface RunwareLedgerEntry {
  readonly taskUUID: string
  /** Fingerprint of the API key. */
  readonly key: string
  readonly model: string
  readonly taskType: string
  readonly marker: string | undefined
  readonly status: 'processing' | 'success' | 'partial' | 'error'
  readonly createdAtMs: number
  /** Generations asked for, and how many of them have been charged so far. */
  readonly generations: number
  readonly charges: number
  readonly costUsd: number
  /** Requests to create a task with this UUID, refused ones included. */
  readonly requests: number
}

export interface RunwareLedger {
  readonly entries: readonly RunwareLedgerEntry[]
  readonly costUsd: number
  /** For each marker, how many create requests came and how many tasks they made. */
  readonly markers: Readonly<Record<string, { readonly requests: number; readonly tasks: number }>>
  /** Requests per UUID, those that made no task included. */
  readonly requestsByUuid: Readonly<Record<string, number>>
}

export interface RunwareTaskSummary extends RunwareLedgerEntry {
  readonly isAsync: boolean
  readonly polls: number
  readonly downloaded: readonly number[]
  readonly request: unknown
}

/** What the tasks so far have cost, and how many of them each marker made. */
export function readRunwareLedger(world: World): RunwareLedger {
  const entries = world.tasks().map((task) => entryOf(world, task))
  const markers: Record<string, { requests: number; tasks: number }> = {}
  for (const [marker, requests] of world.requestsByMarker) markers[marker] = { requests, tasks: 0 }
  for (const { marker } of entries) {
    const counted = marker === undefined ? undefined : markers[marker]
    if (counted) counted.tasks += 1
  }
  return {
    entries,
    costUsd: roundUsd(entries.reduce((sum, { costUsd }) => sum + costUsd, 0)),
    markers,
    requestsByUuid: Object.fromEntries(world.requestsByUuid),
  }
}

/** Every task ever accepted, in the order of creation. */
export function summarizeRunwareTasks(world: World): RunwareTaskSummary[] {
  return world.tasks().map((task) => ({
    ...entryOf(world, task),
    isAsync: task.isAsync,
    polls: task.polls,
    downloaded: [...task.downloaded],
    request: task.request,
  }))
}

function entryOf(world: World, task: Task): RunwareLedgerEntry {
  const nowMs = world.clock.now()
  const charges = chargesOf(task, nowMs)
  return {
    taskUUID: task.uuid,
    key: fingerprint(task.account.key),
    model: task.model,
    taskType: task.type.name,
    marker: task.marker,
    status: stateOf(task, nowMs),
    createdAtMs: task.createdAtMs,
    generations: task.generations.length,
    charges: charges.length,
    costUsd: roundUsd(charges.reduce((sum, usd) => sum + usd, 0)),
    requests: world.requestsByUuid.get(task.uuid) ?? 0,
  }
}
