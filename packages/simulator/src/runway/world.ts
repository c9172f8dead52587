import { Account, Limits } from '../accounts.ts'
import type { Clock } from '../clock.ts'
import { markerIn } from '../directives.ts'
import type { Seeded } from '../seeded.ts'
import type { Dialect } from './catalogue.ts'
import { Lane } from './lane.ts'
import { regularOutputs } from './outputs.ts'
import type { Script } from './script.ts'
import { ScriptBook } from './script-book.ts'
import { creditsCharged, endingOf, type Final, finalStatus, spanOf, type Task, type Timing } from './task.ts'
import { Uploads } from './uploads.ts'
import { Watch } from './watch.ts'

export interface WorldOptions {
  readonly clock: Clock
  readonly seeded: Seeded
  readonly dialect: Dialect
  readonly keys: readonly string[]
  readonly credits: number
  readonly timing: Timing
  readonly minOutputBytes: number
  readonly concurrency: number | undefined
  readonly dailyCap: number | undefined
  readonly minPollIntervalMs: number
  readonly profile: Script
}

export interface NewTask {
  readonly account: Account
  readonly endpoint: string
  readonly model: string
  readonly body: unknown
  readonly prompt: string
  readonly estimatedCredits: number
  readonly script: Script
}

/** Everything the provider knows: its accounts, tasks and limits, and how time moves them. */
export class World {
  readonly options: WorldOptions
  readonly clock: Clock
  readonly book: ScriptBook
  readonly watch: Watch
  readonly uploads: Uploads
  readonly concurrency: Limits
  readonly daily: Limits
  /** Create requests per marker, whatever came of them. */
  readonly requestsByMarker = new Map<string, number>()
  readonly #accounts = new Map<string, Account>()
  readonly #tasks = new Map<string, Task>()
  readonly #byAsset = new Map<string, Task>()
  readonly #lanes = new Map<string, Lane<Task>>()
  #count = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.clock = options.clock
    this.book = new ScriptBook(options.profile)
    this.watch = new Watch(options.clock, options.minPollIntervalMs)
    this.uploads = new Uploads(options.clock, options.seeded)
    this.concurrency = new Limits(options.concurrency)
    this.daily = new Limits(options.dailyCap)
    for (const key of options.keys) this.addKey(key)
  }

  addKey(key: string): Account {
    const account = new Account(key, this.options.credits)
    this.#accounts.set(key, account)
    return account
  }

  account(key: string): Account | undefined {
    return this.#accounts.get(key)
  }

  accounts(): Account[] {
    return [...this.#accounts.values()]
  }

  /** Accepts a task: reserves its credits, counts it for the day and queues it for a slot. */
  createTask({ account, endpoint, model, body, prompt, estimatedCredits, script }: NewTask): Task {
    const nowMs = this.clock.now()
    this.#count += 1
    const { seeded, timing: regular, minOutputBytes } = this.options
    const timing: Timing = {
      pendingMs: script.pendingMs ?? regular.pendingMs,
      runningMs: script.runningMs ?? regular.runningMs,
      progressSteps: regular.progressSteps,
    }
    const wished = endingOf(script)?.outputs?.map(({ type, bytes = 0 }) => ({ type, minBytes: bytes }))
    const task: Task = {
      id: seeded.uuid(`task ${this.#count}`),
      assetId: seeded.uuid(`asset ${this.#count}`),
      ordinal: this.#count,
      account,
      endpoint,
      model,
      body,
      marker: markerIn(prompt),
      createdAtMs: nowMs,
      estimatedCredits,
      script,
      timing,
      spanMs: spanOf(script, timing),
      outputs: wished ?? regularOutputs(endpoint, body, minOutputBytes),
      lane: this.#laneOf(account, model),
      startedAtMs: undefined,
      left: false,
      final: undefined,
      deletedAtMs: undefined,
      stepIndex: 0,
      stepPolls: 0,
      stepSinceMs: nowMs,
      polls: 0,
      urlsIssued: 0,
      urlsExpired: 0,
      expiredAnswer: undefined,
      downloadsUsed: new Map(),
      downloaded: new Set(),
      deletesUsed: 0,
    }
    account.credits -= estimatedCredits
    account.countCreate(model, nowMs)
    this.#tasks.set(task.id, task)
    this.#byAsset.set(task.assetId, task)
    if (isNeverStarted(script)) task.left = true
    else task.lane.enter(task, nowMs)
    return task
  }

  task(id: string): Task | undefined {
    return this.#tasks.get(id)
  }

  taskOfAsset(assetId: string): Task | undefined {
    return this.#byAsset.get(assetId)
  }

  /** All tasks ever accepted, deleted ones included, as they are now. */
  tasks(): Task[] {
    this.settle()
    return [...this.#tasks.values()]
  }

  /** Brings every lane up to now, as after a change of the caps. */
  settle(): void {
    const nowMs = this.clock.now()
    for (const lane of this.#lanes.values()) lane.settle(nowMs)
  }

  /** Ends a task out of its own time; the ending its script names applies when `status` agrees with it. */
  finish(task: Task, status: Final['status']): void {
    const nowMs = this.clock.now()
    task.lane.leave(task, nowMs)
    this.#end(task, status, nowMs)
  }

  /** Every task is gone, as after a restart that lost them. */
  forgetTasks(): void {
    this.#tasks.clear()
    this.#byAsset.clear()
    this.#lanes.clear()
  }

  clear(): void {
    this.forgetTasks()
    this.book.clear()
    this.watch.clear()
    this.uploads.clear()
    this.requestsByMarker.clear()
    for (const account of this.accounts()) if (account.status === 'active') this.addKey(account.key)
  }

  #laneOf(account: Account, model: string): Lane<Task> {
    const name = `${account.key} ${model}`
    let lane = this.#lanes.get(name)
    if (!lane) {
      lane = new Lane<Task>(
        () => this.concurrency.of(model),
        (task, atMs) => this.#end(task, finalStatus(endingOf(task.script)?.status) ?? 'SUCCEEDED', atMs),
      )
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #end(task: Task, status: Final['status'], atMs: number): void {
    if (task.final) return
    const ending = endingOf(task.script)
    const charged = creditsCharged(
      status,
      task.estimatedCredits,
      finalStatus(ending?.status) === status ? ending : undefined,
    )
    task.final = { status, atMs, creditsCharged: charged }
    task.account.credits += task.estimatedCredits - charged
  }
}

function isNeverStarted(script: Script): boolean {
  return script.poll?.some((step) => step.status === 'THROTTLED' && step.polls === 'forever') ?? false
}
