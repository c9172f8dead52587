import { JOB_STATUSES, type JobStatus, PROVIDERS } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { decodeTime } from 'ulid'
import type { Keys } from './keys.ts'
import { LIFECYCLE } from './lifecycle.ts'
import type { QueueName } from './queues.ts'
import { JobRequest } from './record.ts'

/** Records that are read for one census. */
const MAX_SAMPLED = 2_000
const READ_AT_ONCE = 250
/** Of each status, the jobs that are looked at again in the next census. */
const REMEMBERED = 20
const MAX_LINES = 500
const MAX_DESTINATIONS = 500
/** Of the jobs that wait longest, those whose wish not to be early is read. */
const MAX_HEADS = 5

type OpenStatus = Exclude<JobStatus, 'succeeded' | 'failed' | 'canceled'>
const OPEN = JOB_STATUSES.filter((status): status is OpenStatus => LIFECYCLE[status].stage !== null)

type Standing = { id: string; status: OpenStatus; sinceMs: number }

export type Census = {
  /** `oldestAgeMs` of `queued` is that of jobs which may go: those that sleep on their caller's wish are left out. */
  states: Readonly<Record<OpenStatus, { count: number; oldestAgeMs: number }>>
  lines: readonly { queue: QueueName; teams: number; jobs: number }[]
  webhooks: { pending: number; oldestDueMs: number; proven: number; suspects: number }
}

/**
 * What stands where, without reading everything. Up to 2,000 open jobs are counted exactly; of more, as many are drawn
 * at random and the counts are estimates. The oldest that were found are looked at again each time, so that a job which
 * is stuck among 100,000 is found after some draws and kept in sight.
 */
export class JobCensus {
  readonly #redis: Redis
  readonly #keys: Keys
  #remembered: readonly string[] = []

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  async take(nowMs: number): Promise<Census> {
    const [open, { lines, oldestWaitMs }, webhooks] = await Promise.all([
      this.#sample(),
      this.#lines(nowMs),
      this.#webhooks(nowMs),
    ])
    const states = Object.fromEntries(
      OPEN.map((status) => {
        const found = open.standing.filter((each) => each.status === status)
        const sinceMs = found.reduce((min, each) => Math.min(min, each.sinceMs), nowMs)
        const drawn = found.filter(({ id }) => open.drawn.has(id)).length
        const oldestAgeMs = status === 'queued' ? oldestWaitMs : Math.max(0, nowMs - sinceMs)
        return [status, { count: Math.round(drawn * open.scale), oldestAgeMs }]
      }),
    ) as Census['states'] // every open status is in the list
    this.#remembered = OPEN.flatMap((status) =>
      open.standing
        .filter((each) => each.status === status)
        .sort((a, b) => a.sinceMs - b.sinceMs)
        .slice(0, REMEMBERED)
        .map(({ id }) => id),
    )
    return { states, lines, webhooks }
  }

  async #sample(): Promise<{ standing: Standing[]; drawn: ReadonlySet<string>; scale: number }> {
    const { open } = this.#keys
    // Without repetition; all of them while they are no more.
    const [total, ids] = await Promise.all([this.#redis.zcard(open), this.#redis.zrandmember(open, MAX_SAMPLED)])
    const drawn = new Set(ids)
    const wanted = [...new Set([...drawn, ...this.#remembered])]
    const standing: Standing[] = []
    for (let at = 0; at < wanted.length; at += READ_AT_ONCE) {
      const some = wanted.slice(at, at + READ_AT_ONCE)
      const times = OPEN.map((status) => `at:${status}`)
      const rows = await Promise.all(some.map((id) => this.#redis.hmget(this.#keys.job(id), 'status', ...times)))
      for (const [index, [found, ...atMs]] of rows.entries()) {
        const status = OPEN.find((each) => each === found)
        const id = some[index]
        if (status && id) standing.push({ id, status, sinceMs: Number(atMs[OPEN.indexOf(status)] ?? Number.NaN) })
      }
    }
    return { standing, drawn, scale: drawn.size === 0 ? 0 : Math.max(1, total / drawn.size) }
  }

  /** The head of a line is the job of its team that has waited longest, unless another has priority. */
  async #lines(nowMs: number): Promise<{ lines: Census['lines']; oldestWaitMs: number }> {
    const heads: string[] = []
    const queues = PROVIDERS.flatMap((name): QueueName[] => [`submit-${name}`, `wait-${name}`])
    let left = MAX_LINES
    const lines: { queue: QueueName; teams: number; jobs: number }[] = []
    for (const queue of queues) {
      const sum = { queue, teams: 0, jobs: 0 }
      for (const lane of await this.#redis.smembers(this.#keys.lanes(queue))) {
        const [ring, fed] = [this.#keys.ring(queue, lane), this.#keys.fed(queue, lane)]
        const [teams, some, begun] = await Promise.all([
          this.#redis.zcard(ring),
          left > 0 ? this.#redis.zrange(ring, '0', String(left - 1)) : [],
          this.#redis.zrange(fed, '0', String(READ_AT_ONCE - 1)),
        ])
        left -= some.length
        const found = await Promise.all(some.map((team) => this.#line(this.#keys.line(queue, lane, team))))
        sum.teams += teams
        sum.jobs += found.reduce((jobs, line) => jobs + line.jobs, 0)
        heads.push(...begun, ...found.flatMap(({ head }) => (head === undefined ? [] : [head])))
      }
      lines.push(sum)
    }
    // Ids begin with the time of their intake.
    const waits = await Promise.all(
      heads
        .sort()
        .slice(0, MAX_HEADS)
        .map((id) => this.#waitMs(id, nowMs)),
    )
    return { lines, oldestWaitMs: Math.max(0, ...waits) }
  }

  async #line(key: string): Promise<{ jobs: number; head: string | undefined }> {
    const [jobs, [head]] = await Promise.all([this.#redis.zcard(key), this.#redis.zrange(key, '0', '0')])
    return { jobs, head }
  }

  async #waitMs(id: string, nowMs: number): Promise<number> {
    const request = await this.#redis.hget(this.#keys.job(id), 'request')
    // It has begun and ended meanwhile.
    if (request === null) return 0
    const { notBeforeMs = 0 } = JobRequest.pick({ notBeforeMs: true }).parse(JSON.parse(request))
    return nowMs - Math.max(decodeTime(id.slice('job_'.length)), notBeforeMs)
  }

  async #webhooks(nowMs: number): Promise<Census['webhooks']> {
    const { destinations, suspects, outbox } = this.#keys
    const sets = await Promise.all(
      [destinations, suspects].map(async (key) => {
        const [count, some] = await Promise.all([
          this.#redis.zcard(key),
          this.#redis.zrange(key, '0', String(MAX_DESTINATIONS - 1), 'WITHSCORES'),
        ])
        return { count, names: some.filter((_, index) => index % 2 === 0), dueAtMs: Number(some[1] ?? nowMs) }
      }),
    )
    const [proven, suspect] = sets
    const names = sets.flatMap((set) => set.names)
    const pending = await Promise.all(names.map((name) => this.#redis.zcard(outbox(name))))
    return {
      pending: pending.reduce((sum, each) => sum + each, 0),
      oldestDueMs: Math.max(0, ...sets.map(({ dueAtMs }) => nowMs - dueAtMs)),
      proven: proven?.count ?? 0,
      suspects: suspect?.count ?? 0,
    }
  }
}
