import type { Cost } from '@genqueue/contract'
import type { Jobs, LeasedTask, Looks, PollNote, PollSchedule } from '@genqueue/jobs'
import type { PollOutcome, Provider } from '@genqueue/providers'
import type { KeyRing, ProviderKey } from './key-ring.ts'
import type { Log } from './log.ts'
import { afterErrorMs, type PollPace } from './pace.ts'
import { decidePoll, isOverdue, type PollDecision } from './stages/poll.ts'

const MAX_LEASED = 256
/** Answers are written back, and due tasks leased, in batches of this long: one by one they cost three times as much. */
const BATCH_MS = 10
/** An idle poller looks this often for tasks that were made due early. */
const IDLE_MS = 250
const AFTER_FAILURE_MS = 1_000
const MISSING_KEY: PollOutcome = { kind: 'error', reason: 'auth', detail: 'The key of the task is not configured' }
/** A task that is overdue and cannot be stopped is given up after so many failures in a row, some seven minutes. */
const MAX_STOP_TRIES = 10
/** A lease outlives the request by this much, so that its answer can still be written. */
const LEASE_MARGIN_MS = 1_000

export type PollerDeps = {
  schedule: PollSchedule
  jobs: Jobs
  provider: Provider
  keyRing: KeyRing
  pace: PollPace
  concurrency: number
  timeoutMs: number
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  now: () => number
  random: () => number
}

/**
 * Looks at the tasks of one vendor when they are due. Leases what it can look at now, asks, and writes the answers of
 * ten milliseconds back at once. Holds nothing but what is on the wire; a lease that is lost loses its answer.
 */
export class Poller {
  readonly #deps: PollerDeps
  readonly #inFlight = new Set<Promise<void>>()
  /** A provider key that was answered 429 is left alone until then, by this process. */
  readonly #keyRestsUntil = new Map<string, number>()
  #notes: PollNote[] = []
  #flushing: Promise<void> | undefined
  #stopping = false
  #wake: () => void = () => {}
  #loop: Promise<void> | undefined

  constructor(deps: PollerDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Leases no more, waits for what is on the wire and writes it back. Resolves within the HTTP timeout. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#wake()
    await this.#loop
    await Promise.all(this.#inFlight)
    await this.#flushing
  }

  async #run(): Promise<void> {
    const { schedule, concurrency, timeoutMs, log, speed } = this.#deps
    const leaseMs = timeoutMs + LEASE_MARGIN_MS
    while (!this.#stopping) {
      const free = Math.min(MAX_LEASED, concurrency - this.#inFlight.size)
      if (free <= 0) {
        await Promise.race(this.#inFlight)
        continue
      }
      try {
        const { tasks, nextInMs } = await schedule.lease(free, leaseMs)
        for (const task of tasks) this.#track(this.#look(task))
        // A full lease means more may be due; they are taken as soon as there is room.
        if (tasks.length === free) continue
        await this.#sleep(Math.max(BATCH_MS, Math.min(nextInMs ?? IDLE_MS, IDLE_MS / speed)))
      } catch (error) {
        log.error({ err: error, provider: this.#deps.provider.name }, 'leasing tasks failed')
        await this.#sleep(AFTER_FAILURE_MS)
      }
    }
  }

  #track(look: Promise<void>): void {
    const tracked = look.finally(() => this.#inFlight.delete(tracked))
    this.#inFlight.add(tracked)
  }

  /** Never rejects: what goes wrong here is put right when the lease ends. */
  async #look(task: LeasedTask): Promise<void> {
    const { log } = this.#deps
    try {
      const key = this.#deps.keyRing.byId(task.providerKeyId)
      if (key) return await this.#ask(task, key)
      log.error({ jobId: task.id, keyId: task.providerKeyId }, 'provider key of a running task is missing')
      await this.#apply(task, undefined, this.#decide(task, MISSING_KEY))
    } catch (error) {
      log.error({ err: error, jobId: task.id }, 'looking at a task failed')
    }
  }

  async #ask(task: LeasedTask, key: ProviderKey): Promise<void> {
    const { provider, timeoutMs, now } = this.#deps
    const restMs = (this.#keyRestsUntil.get(key.id) ?? 0) - now()
    if (restMs > 0) {
      this.#note(task, restMs * this.#deps.speed, {})
      return
    }
    if (task.cancelRequested) return this.#cancel(task, key)
    const outcome = await provider.poll(task.taskId, { key: key.key, signal: AbortSignal.timeout(timeoutMs) })
    if (outcome.kind === 'error' && outcome.reason === 'rate_limited' && outcome.retryAfterMs) {
      this.#keyRestsUntil.set(key.id, now() + outcome.retryAfterMs / this.#deps.speed)
    }
    await this.#apply(task, key, this.#decide(task, outcome))
  }

  #decide(task: LeasedTask, outcome: PollOutcome): PollDecision {
    const { pace, speed, now, random } = this.#deps
    const nowMs = now()
    const ageMs = (nowMs - task.submittedAtMs) * speed
    return decidePoll(task, outcome, { pace, nowMs, ageMs, blindGraceMs: pace.blindGraceMs / speed, random: random() })
  }

  async #apply(task: LeasedTask, key: ProviderKey | undefined, decision: PollDecision): Promise<void> {
    if (decision.kind === 'again') {
      this.#note(task, decision.delayMs, decision.learned, decision.estimatedCost)
      return
    }
    const { jobs, log } = this.#deps
    if (decision.kind === 'end' && decision.cancelFirst && !(await this.#stopUpstream(task, key))) return
    const job = await jobs.get(task.id)
    if (job?.status !== 'submitted') return
    if (decision.kind === 'generated') {
      const { sources, upstreamStatus, cost } = decision
      const outcome = await jobs.generated(job, task.lease, { sources, upstreamStatus, cost })
      log.info({ jobId: task.id, stage: 'poll', done: outcome.done }, 'task finished')
      return
    }
    const outcome = await jobs.end(job, { ...decision.ended, polls: task.polls + 1 }, { lease: task.lease })
    log.info({ jobId: task.id, stage: 'poll', done: outcome.done, status: decision.ended.status }, 'job ended')
  }

  async #cancel(task: LeasedTask, key: ProviderKey): Promise<void> {
    if (!(await this.#stopUpstream(task, key))) return
    const job = await this.#deps.jobs.get(task.id)
    if (job?.status === 'submitted') await this.#deps.jobs.end(job, { status: 'canceled' }, { lease: task.lease })
  }

  /** True when the vendor has stopped the task, or will not be made to; otherwise it is tried again later. */
  async #stopUpstream(task: LeasedTask, key: ProviderKey | undefined): Promise<boolean> {
    const { provider, timeoutMs, pace, now, random, log } = this.#deps
    const call = key && { key: key.key, signal: AbortSignal.timeout(timeoutMs) }
    const outcome = call ? await provider.cancel(task.taskId, call) : undefined
    if (outcome?.kind === 'gone') return true
    const tries = task.pollErrors + 1
    if (!outcome || (tries >= MAX_STOP_TRIES && isOverdue(task, now()))) {
      log.error({ jobId: task.id, taskId: task.taskId, tries }, 'task could not be stopped and is left at the vendor')
      return true
    }
    const delayMs = Math.max(outcome.retryAfterMs ?? 0, afterErrorMs(pace, tries, random()))
    this.#note(task, delayMs, { pollErrors: tries })
    return false
  }

  #note(task: LeasedTask, plannedMs: number, learned: Partial<Looks>, estimatedCost?: Cost): void {
    const { id, lease, polls, pollErrors, misses, progress, runningSinceMs, upstreamStatus } = task
    const looks = { polls, pollErrors, misses, progress, runningSinceMs, upstreamStatus, ...learned }
    this.#notes.push({ id, lease, delayMs: plannedMs / this.#deps.speed, looks, estimatedCost })
    this.#flushing ??= this.#flushSoon()
  }

  async #flushSoon(): Promise<void> {
    while (this.#notes.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, BATCH_MS))
      const notes = this.#notes
      this.#notes = []
      try {
        await this.#deps.schedule.flush(notes)
      } catch (error) {
        this.#deps.log.error({ err: error, count: notes.length }, 'writing answers back failed')
      }
    }
    this.#flushing = undefined
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
