import type { Cost, ProviderName } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { decodeLooks, encodeLooks, type Looks } from './looks.ts'
import { loadScript } from './script.ts'

const leaseDue = loadScript('lease-due')
const flushPolls = loadScript('flush-polls')
const nudge = loadScript('nudge')

const FIELDS = [
  'status',
  'task',
  'providerKey',
  'at:submitted',
  'deadlines',
  'looks',
  'cancel',
  'at:submitting',
  'results',
  'team',
  'told',
  'traceparent',
] as const
const NUDGE_AT_MOST_EVERY_MS = 1_000

/** A task whose time to look has come, leased to this process until `lease`. */
export type LeasedTask = Looks & {
  id: string
  team: string
  /** What was last told of its progress; there where its own URL asked, or somebody was told. */
  told?: string
  traceparent?: string
  lease: string
  taskId: string
  providerKeyId: string
  submittedAtMs: number
  /** When the create was sent that made the task. */
  sentAtMs: number
  /** How many results were asked for, where the vendor was told a number. */
  results?: number
  cancelRequested: boolean
  deadlines: { throttledMs: number; runningMs: number }
}

export type Lease = {
  tasks: LeasedTask[]
  /** How late the task is that was due first; undefined when none was due. */
  lagMs: number | undefined
  /** Until the next task is due; undefined when nothing is in flight. */
  nextInMs: number | undefined
}

/** When to look again at a task that is not finished, and all that the looks at it have told by now. */
export type PollNote = {
  id: string
  lease: string
  delayMs: number
  looks: Looks
  estimatedCost?: Cost | undefined
}

/** The tasks in flight at one vendor, as a sorted set of due times; memory of a process does not grow with them. */
export class PollSchedule {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #provider: ProviderName

  constructor(deps: { redis: Redis; keys: Keys; provider: ProviderName }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
    this.#provider = deps.provider
  }

  /**
   * Takes up to `limit` due tasks; nobody else gets them until the lease ends or a note is written back. What does not
   * fill a batch is held for up to `holdMs` while more of them become due.
   */
  async lease(limit: number, leaseMs: number, { size, holdMs } = { size: 1, holdMs: 0 }): Promise<Lease> {
    const { value } = await leaseDue(
      this.#redis,
      [this.#keys.due(this.#provider)],
      [limit, leaseMs, this.#keys.jobPrefix, size, Math.floor(holdMs), ...FIELDS],
    )
    const [nextInMs, lagMs, ...rows] = value as [number, number, ...(string | null)[][]] // lease-due.lua returns nothing else
    const tasks: LeasedTask[] = []
    for (const row of rows) {
      const task = readRow(row)
      if (task) tasks.push(task)
      else await this.#drop(row[0])
    }
    return { tasks, lagMs: lagMs < 0 ? undefined : lagMs, nextInMs: nextInMs < 0 ? undefined : nextInMs }
  }

  /** Writes notes back in one step; those whose lease was lost are left out. Returns how many were written. */
  async flush(notes: readonly PollNote[]): Promise<number> {
    if (notes.length === 0) return 0
    const args: (string | number)[] = [this.#keys.jobPrefix, notes.length]
    for (const { id } of notes) args.push(id)
    for (const { lease, delayMs, looks, estimatedCost } of notes) {
      const estimate = estimatedCost ? JSON.stringify(estimatedCost) : ''
      args.push(lease, Math.ceil(delayMs), encodeLooks(looks), estimate)
    }
    const { value } = await flushPolls(this.#redis, [this.#keys.due(this.#provider)], args)
    return Number(value)
  }

  /**
   * Makes a task due now; for a vendor's own callback, which is never believed, only followed up. Does nothing for what
   * is not in flight, is being looked at, or was nudged within a second. True when the task was made due.
   */
  async nudge(id: string): Promise<boolean> {
    const { value } = await nudge(
      this.#redis,
      [this.#keys.due(this.#provider), this.#keys.job(id)],
      [id, NUDGE_AT_MOST_EVERY_MS],
    )
    return value === 1
  }

  /** A member without a record that is `submitted` has no business here. */
  async #drop(id: string | null | undefined): Promise<void> {
    if (id) await this.#redis.zrem(this.#keys.due(this.#provider), id)
  }
}

function readRow(row: readonly (string | null)[]): LeasedTask | undefined {
  const [id, lease, status, taskId, providerKeyId, submittedAt, deadlines, looks, cancel, sentAt, results, ...rest] =
    row
  const [team, told, traceparent] = rest
  if (!id || !lease || status !== 'submitted') return undefined
  if (!taskId || !providerKeyId || !submittedAt || !deadlines || !looks || !team) return undefined
  const [throttledMs, runningMs] = deadlines.split(',')
  return {
    id,
    team,
    ...(told && { told }),
    ...(traceparent && { traceparent }),
    lease,
    taskId,
    providerKeyId,
    submittedAtMs: Number(submittedAt),
    sentAtMs: Number(sentAt ?? submittedAt),
    ...(results && { results: Number(results) }),
    cancelRequested: cancel !== null && cancel !== undefined,
    deadlines: { throttledMs: Number(throttledMs), runningMs: Number(runningMs) },
    ...decodeLooks(looks),
  }
}
