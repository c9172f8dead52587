import { createKeys } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import { quantile } from './row.ts'
import type { Looks } from './vendor.ts'

const LOOK_EVERY_MS = 100

/** `dueMs` values that the schedule showed for a task, by task id. */
type Seen = Map<string, Set<number>>

/**
 * How late looks are, seen from outside: from the time that stood in the schedule to the request's arrival at the
 * vendor. The schedule of sampled tasks is read ten times a second, which is less often than any of them changes.
 */
export class PollLag {
  readonly #redis: Redis
  readonly #taskIds = new Map<string, string>()
  readonly #seen: Seen = new Map()
  readonly #timer: NodeJS.Timeout

  constructor(redis: Redis) {
    this.#redis = redis
    this.#timer = setInterval(() => void this.#read().catch(() => undefined), LOOK_EVERY_MS)
  }

  add(jobId: string, taskId: string): void {
    this.#taskIds.set(jobId, taskId)
  }

  /** For the next window; tasks that were added before are no longer followed. */
  forget(): void {
    this.#taskIds.clear()
    this.#seen.clear()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** In milliseconds, over all looks that arrived in the window. */
  lags(looks: Looks, fromMs: number, toMs: number): { p50: number; p99: number; count: number } {
    const lags: number[] = []
    for (const [taskId, times] of Object.entries(looks)) {
      const due = [...(this.#seen.get(taskId) ?? [])]
      for (const [index, atMs] of times.entries()) {
        if (atMs < fromMs || atMs > toMs) continue
        // The lease's end stands there meanwhile: it is earlier than the next due time, or later than the next look.
        const dueMs = Math.max(...due.filter((each) => each <= atMs + 1 && each > (times[index - 1] ?? 0)))
        if (Number.isFinite(dueMs)) lags.push(Math.max(0, atMs - dueMs))
      }
    }
    return { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99), count: lags.length }
  }

  async #read(): Promise<void> {
    const jobIds = [...this.#taskIds.keys()]
    if (jobIds.length === 0) return
    const scores = await this.#redis.zmscore(createKeys().due('runway'), ...jobIds)
    for (const [index, jobId] of jobIds.entries()) {
      const score = scores[index]
      const taskId = this.#taskIds.get(jobId)
      if (score === null || score === undefined || taskId === undefined) continue
      const seen = this.#seen.get(taskId) ?? new Set()
      seen.add(Number(score))
      this.#seen.set(taskId, seen)
    }
  }
}
