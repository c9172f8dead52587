import type { LeasedTask, Looks, PollNote, PollSchedule } from '@genqueue/jobs'
import type { PollOutcome } from '@genqueue/providers'
import type { Tracing } from '@genqueue/tracing'
import type { KeyRing, ProviderKey } from './key-ring.ts'
import { type PollBatch, pollBatches } from './poll-batches.ts'
import { type LookDeps, settleCancel, settleLook, type TakeNote } from './settle-look.ts'
import { traceLooks } from './trace-work.ts'

const MAX_LEASED = 256
/** Answers are written back, and due tasks leased, in batches of this long: one by one they cost three times as much. */
const BATCH_MS = 10
/** An idle poller looks this often for tasks that were made due early. */
const IDLE_MS = 250
const AFTER_FAILURE_MS = 1_000
const MISSING_KEY: PollOutcome = { kind: 'error', reason: 'auth', detail: 'The key of the task is not configured' }
/** A lease outlives the request by this much, so that its answer can still be written. */
const LEASE_MARGIN_MS = 1_000
/** A request that is not full waits so long for tasks that become due. */
const HOLD_MS = 500
/** Tasks that failed again and again are looked at by themselves, and so many of them at a time. */
const MAX_SUSPECT_REQUESTS = 4
const POSTPONED_MS = 1_000
/** A limit on requests that does not say for how long, where each holds many tasks. */
const KEY_REST_MS = 10_000

export type PollerDeps = LookDeps & {
  schedule: PollSchedule
  keyRing: KeyRing
  /** Requests at a time. */
  concurrency: number
  tracing?: Tracing | undefined
}

/**
 * Looks at the tasks of one vendor when they are due, many in one request where the vendor takes that. Leases what it
 * can look at now, asks, and writes the answers of ten milliseconds back at once. Holds nothing but what is on the wire;
 * a lease that is lost loses its answer.
 */
export class Poller {
  readonly #deps: PollerDeps
  readonly #inFlight = new Set<Promise<void>>()
  /** A provider key that was answered 429 is left alone until then, by this process. */
  readonly #keyRestsUntil = new Map<string, number>()
  #suspects = 0
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

  /** Tasks in one request. */
  get #batchSize(): number {
    const { pollMany, pollBatchSize = 1 } = this.#deps.provider
    return pollMany ? pollBatchSize : 1
  }

  /** A request for many may need another for those of which the first knew nothing. */
  get #requestMs(): number {
    return this.#deps.timeoutMs * (this.#deps.provider.pollMany ? 2 : 1)
  }

  async #run(): Promise<void> {
    const { schedule, concurrency, log, meter, speed } = this.#deps
    const size = this.#batchSize
    const batch = { size, holdMs: size > 1 ? HOLD_MS / speed : 0 }
    while (!this.#stopping) {
      const free = Math.min(Math.ceil(MAX_LEASED / size), concurrency - this.#inFlight.size)
      if (free <= 0) {
        await Promise.race(this.#inFlight)
        continue
      }
      try {
        const leaseMs = this.#requestMs + LEASE_MARGIN_MS
        const { tasks, lagMs, nextInMs } = await schedule.lease(free * size, leaseMs, batch)
        const { name } = this.#deps.provider
        if (lagMs !== undefined) meter?.observe('poll_lag_seconds', { provider: name }, lagMs / 1000)
        for (const each of pollBatches(tasks, size)) this.#start(each)
        // A full lease means more may be due; they are taken as soon as there is room.
        if (tasks.length === free * size) continue
        await this.#sleep(Math.max(BATCH_MS, Math.min(nextInMs ?? IDLE_MS, IDLE_MS / speed)))
      } catch (error) {
        log.error({ err: error, provider: this.#deps.provider.name }, 'leasing tasks failed')
        await this.#sleep(AFTER_FAILURE_MS)
      }
    }
  }

  #start(batch: PollBatch): void {
    const isSuspect = batch.isSuspect && this.#batchSize > 1
    if (isSuspect && this.#suspects >= MAX_SUSPECT_REQUESTS) {
      for (const task of batch.tasks) this.#note(task, POSTPONED_MS, {})
      return
    }
    if (isSuspect) this.#suspects += 1
    const tracked = this.#look(batch).finally(() => {
      this.#inFlight.delete(tracked)
      if (isSuspect) this.#suspects -= 1
    })
    this.#inFlight.add(tracked)
  }

  /** Never rejects: what goes wrong here is put right when the lease ends. */
  async #look({ keyId, tasks }: PollBatch): Promise<void> {
    const { keyRing, log } = this.#deps
    const key = keyRing.byId(keyId)
    try {
      if (key) return await this.#ask(tasks, key)
    } catch (error) {
      log.error({ err: error, jobId: tasks[0]?.id, tasks: tasks.length }, 'looking at a task failed')
      return
    }
    log.error({ jobId: tasks[0]?.id, keyId, tasks: tasks.length }, 'provider key of a running task is missing')
    await this.#each(tasks, (task) => settleLook(task, undefined, MISSING_KEY, this.#note, this.#deps))
  }

  async #ask(tasks: readonly LeasedTask[], key: ProviderKey): Promise<void> {
    const { now, speed, tracing } = this.#deps
    const startedAtMs = now()
    const restMs = (this.#keyRestsUntil.get(key.id) ?? 0) - startedAtMs
    if (restMs > 0) {
      for (const task of tasks) this.#note(task, restMs * speed, {})
      return
    }
    const unwanted = tasks.filter(({ cancelRequested }) => cancelRequested)
    const wanted = tasks.filter(({ cancelRequested }) => !cancelRequested)
    const look = { provider: this.#deps.provider.name, startedAtMs }
    const cancel = (task: LeasedTask) => settleCancel(task, key, this.#note, this.#deps)
    const canceled = this.#each(unwanted, tracing ? traceLooks(cancel, look, tracing) : cancel)
    const outcomes = await this.#request(wanted, key)
    this.#restKey(key, outcomes)
    const outcomeOf = ({ taskId }: LeasedTask): PollOutcome => outcomes.get(taskId) ?? { kind: 'missing' }
    const settle = (task: LeasedTask) => settleLook(task, key, outcomeOf(task), this.#note, this.#deps)
    await this.#each(wanted, tracing ? traceLooks(settle, { ...look, outcomeOf }, tracing) : settle)
    await canceled
  }

  async #request(tasks: readonly LeasedTask[], key: ProviderKey): Promise<ReadonlyMap<string, PollOutcome>> {
    const { provider, now, speed } = this.#deps
    const call = { key: key.key, signal: AbortSignal.timeout(this.#requestMs) }
    const [first] = tasks
    if (!first) return new Map()
    if (!provider.pollMany) return new Map([[first.taskId, await provider.poll(first.taskId, call)]])
    const looks = tasks.map(({ taskId, sentAtMs, results }) => ({
      taskId,
      ageMs: (now() - sentAtMs) * speed,
      ...(results !== undefined && { results }),
    }))
    return provider.pollMany(looks, call)
  }

  #restKey(key: ProviderKey, outcomes: ReadonlyMap<string, PollOutcome>): void {
    for (const outcome of outcomes.values()) {
      if (outcome.kind !== 'error' || outcome.reason !== 'rate_limited') continue
      const restMs = outcome.retryAfterMs ?? (this.#deps.provider.pollMany ? KEY_REST_MS : 0)
      if (restMs > 0) this.#keyRestsUntil.set(key.id, this.#deps.now() + restMs / this.#deps.speed)
    }
  }

  /** What goes wrong with one task is no concern of the others. */
  async #each(tasks: readonly LeasedTask[], settle: (task: LeasedTask) => Promise<void>): Promise<void> {
    await Promise.all(
      tasks.map((task) =>
        settle(task).catch((error) => {
          this.#deps.log.error({ err: error, jobId: task.id }, 'looking at a task failed')
        }),
      ),
    )
  }

  readonly #note: TakeNote = (task, plannedMs, learned, estimatedCost) => {
    const { id, lease, polls, pollErrors, misses, progress, runningSinceMs, upstreamStatus } = task
    const looks: Looks = { polls, pollErrors, misses, progress, runningSinceMs, upstreamStatus, ...learned }
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
