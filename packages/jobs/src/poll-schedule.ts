import type { ProviderName } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Keys } from './keys.ts'
import { encodeFields } from './record.ts'
import { loadScript } from './script.ts'

const leaseDue = loadScript('lease-due')
const flushPolls = loadScript('flush-polls')

const FIELDS = [
  'status',
  'task',
  'providerKey',
  'at:submitted',
  'runningSinceMs',
  'progress',
  'polls',
  'pollErrors',
  'misses',
  'cancel',
  'deadlines',
] as const

const OptionalNumber = z.coerce.number().optional()
const LeasedFields = z.object({
  task: z.string(),
  providerKey: z.string(),
  'at:submitted': z.coerce.number(),
  runningSinceMs: OptionalNumber,
  progress: z.coerce.number().default(0),
  polls: z.coerce.number().default(0),
  pollErrors: z.coerce.number().default(0),
  misses: z.coerce.number().default(0),
  cancel: OptionalNumber,
  deadlines: z.string().transform((text) => {
    const [throttledMs = 0, runningMs = 0] = text.split(',').map(Number)
    return { throttledMs, runningMs }
  }),
})

/** A task whose time to look has come, leased to this process until `lease`. */
export type LeasedTask = {
  id: string
  lease: string
  taskId: string
  providerKeyId: string
  submittedAtMs: number
  runningSinceMs: number | undefined
  progress: number
  polls: number
  /** Looks in a row that failed, and that said 404. */
  pollErrors: number
  misses: number
  cancelRequested: boolean
  deadlines: { throttledMs: number; runningMs: number }
}

export type Lease = {
  tasks: LeasedTask[]
  /** Until the next task is due; undefined when nothing is in flight. */
  nextInMs: number | undefined
}

/** When to look again at a task that is not finished, and what was learned. */
export type PollNote = {
  id: string
  lease: string
  delayMs: number
  parts: {
    upstreamStatus?: string | undefined
    progress?: number | undefined
    polls: number
    pollErrors: number
    misses: number
    runningSinceMs?: number | undefined
    estimatedCost?: { amount: number; unit: string } | undefined
  }
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

  /** Takes up to `limit` due tasks; nobody else gets them until the lease ends or a note is written back. */
  async lease(limit: number, leaseMs: number): Promise<Lease> {
    const { value } = await leaseDue(
      this.#redis,
      [this.#keys.due(this.#provider)],
      [limit, leaseMs, this.#keys.jobPrefix, ...FIELDS],
    )
    const [nextInMs, ...rows] = value as [number, ...(string | null)[][]] // lease-due.lua returns nothing else
    const tasks: LeasedTask[] = []
    for (const row of rows) {
      const task = readRow(row)
      if (task) tasks.push(task)
      else await this.#drop(row[0])
    }
    return { tasks, nextInMs: nextInMs < 0 ? undefined : nextInMs }
  }

  /** Writes notes back in one step; those whose lease was lost are left out. Returns how many were written. */
  async flush(notes: readonly PollNote[]): Promise<number> {
    const args = notes.flatMap(({ id, lease, delayMs, parts }) => {
      const fields = encodeFields(parts)
      return [id, lease, Math.ceil(delayMs), fields.length, ...fields]
    })
    const { value } = await flushPolls(this.#redis, [this.#keys.due(this.#provider)], [this.#keys.jobPrefix, ...args])
    return Number(value)
  }

  /** Makes a task due now; for a vendor's own callback, which is never believed, only followed up. */
  async nudge(id: string): Promise<void> {
    await this.#redis.zadd(this.#keys.due(this.#provider), 'XX', 0, id)
  }

  /** A member without a record that is `submitted` has no business here. */
  async #drop(id: string | null | undefined): Promise<void> {
    if (id) await this.#redis.zrem(this.#keys.due(this.#provider), id)
  }
}

function readRow(row: readonly (string | null)[]): LeasedTask | undefined {
  const [id, lease, status, ...values] = row
  if (!id || !lease || status !== 'submitted') return undefined
  const fields = Object.fromEntries(FIELDS.slice(1).map((name, index) => [name, values[index] ?? undefined]))
  const task = LeasedFields.parse(fields)
  return {
    id,
    lease,
    taskId: task.task,
    providerKeyId: task.providerKey,
    submittedAtMs: task['at:submitted'],
    runningSinceMs: task.runningSinceMs,
    progress: task.progress,
    polls: task.polls,
    pollErrors: task.pollErrors,
    misses: task.misses,
    cancelRequested: task.cancel !== undefined,
    deadlines: task.deadlines,
  }
}
