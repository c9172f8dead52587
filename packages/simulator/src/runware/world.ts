import { Account, Limits } from '../accounts.ts'
import type { Clock } from '../clock.ts'
import { markerIn } from '../directives.ts'
import type { Seeded } from '../seeded.ts'
import { seedOf } from './exact-json.ts'
import type { ResultSpec, RunwareScript } from './script.ts'
import { RunwareScriptBook } from './script-book.ts'
import { finishAtMs, type Generation, type Task } from './task.ts'
import { type TaskRequest, textIn } from './task-request.ts'
import { priceOf, type TaskType } from './task-types.ts'
import { RunwareUploads } from './uploads.ts'
import { RunwareWatch } from './watch.ts'

export interface WorldOptions {
  readonly clock: Clock
  readonly seeded: Seeded
  readonly keys: readonly string[]
  /** Balance of each key, in USD. */
  readonly balanceUsd: number
  readonly imageMs: number
  readonly videoMs: number
  /** For how long getResponse knows a finished task. */
  readonly retentionMs: number
  readonly concurrency: number | undefined
  readonly minPollIntervalMs: number
  readonly profile: RunwareScript
}

export interface NewTask {
  readonly account: Account
  readonly type: TaskType
  readonly request: TaskRequest
  readonly uuid: string
  readonly prompt: string
  readonly count: number
  readonly isAsync: boolean
  readonly script: RunwareScript
}

const SLOW_MEDIA = new Set(['video', '3d'])

/** Everything the provider knows: its accounts, tasks and uploads. */
export class World {
  readonly options: WorldOptions
  readonly clock: Clock
  readonly seeded: Seeded
  readonly book: RunwareScriptBook
  readonly watch: RunwareWatch
  readonly uploads: RunwareUploads
  readonly concurrency: Limits
  /** Requests to make a task, by its UUID and by its marker, whatever came of them. */
  readonly requestsByUuid = new Map<string, number>()
  readonly requestsByMarker = new Map<string, number>()
  readonly #accounts = new Map<string, Account>()
  /** No UUID is ever forgotten, so that none is taken twice. */
  readonly #tasks = new Map<string, Task>()
  readonly #assets = new Map<string, { readonly task: Task; readonly generation: Generation }>()
  #count = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.clock = options.clock
    this.seeded = options.seeded
    this.book = new RunwareScriptBook(options.profile)
    this.watch = new RunwareWatch(options.clock, options.minPollIntervalMs)
    this.uploads = new RunwareUploads(options.clock)
    this.concurrency = new Limits(options.concurrency)
    for (const key of options.keys) this.addKey(key)
  }

  addKey(key: string): Account {
    const account = new Account(key, this.options.balanceUsd)
    this.#accounts.set(key, account)
    return account
  }

  account(key: string): Account | undefined {
    return this.#accounts.get(key)
  }

  accounts(): Account[] {
    return [...this.#accounts.values()]
  }

  countRequest(uuid: string, prompt: string): void {
    this.requestsByUuid.set(uuid, (this.requestsByUuid.get(uuid) ?? 0) + 1)
    const marker = markerIn(prompt)
    if (marker !== undefined) this.requestsByMarker.set(marker, (this.requestsByMarker.get(marker) ?? 0) + 1)
  }

  /** Accepts a task: its UUID is taken from now on, and what it will cost is put aside. */
  createTask({ account, type, request, uuid, prompt, count, isAsync, script }: NewTask): Task {
    const nowMs = this.clock.now()
    this.#count += 1
    const { imageMs, videoMs } = this.options
    const spanMs = script.hook?.beforeAck ? 0 : (script.runMs ?? (SLOW_MEDIA.has(type.media) ? videoMs : imageMs))
    const price = priceOf(type, request)
    const task: Task = {
      uuid,
      ordinal: this.#count,
      account,
      type,
      sentType: textIn(request, 'taskType'),
      model: textIn(request, 'model'),
      marker: markerIn(prompt),
      request,
      isAsync,
      createdAtMs: nowMs,
      spanMs,
      script,
      generations: Array.from({ length: count }, (_, index) =>
        this.#generation(index, { type, request, script, price, finishAtMs: nowMs + spanMs }),
      ),
      puts: [],
      isLost: false,
      stepIndex: 0,
      stepPolls: 0,
      stepSinceMs: nowMs,
      polls: 0,
      lastPollAtMs: undefined,
      downloadsUsed: new Map(),
      downloaded: new Set(),
      expired: new Map(),
    }
    for (const generation of task.generations) {
      account.credits -= generation.chargeUsd ?? 0
      this.#assets.set(generation.uuid, { task, generation })
    }
    this.#tasks.set(uuid, task)
    return task
  }

  task(uuid: string): Task | undefined {
    return this.#tasks.get(uuid)
  }

  assetNamed(uuid: string): { readonly task: Task; readonly generation: Generation } | undefined {
    return this.#assets.get(uuid)
  }

  /** All tasks ever accepted, in that order. */
  tasks(): Task[] {
    return [...this.#tasks.values()]
  }

  isQueueFull(model: string): boolean {
    const cap = this.concurrency.of(model)
    if (cap === Number.POSITIVE_INFINITY) return false
    const nowMs = this.clock.now()
    return this.tasks().filter((task) => task.model === model && finishAtMs(task) > nowMs).length >= cap
  }

  /** Results and details are gone, as after a restart that lost them; the UUIDs stay taken. */
  loseTasks(): void {
    for (const task of this.#tasks.values()) task.isLost = true
  }

  clear(): void {
    this.#tasks.clear()
    this.#assets.clear()
    this.book.clear()
    this.watch.clear()
    this.uploads.clear()
    this.requestsByUuid.clear()
    this.requestsByMarker.clear()
    for (const account of this.accounts()) if (account.status === 'active') this.addKey(account.key)
  }

  #generation(
    index: number,
    given: Pick<NewTask, 'type' | 'request' | 'script'> & { price: number; finishAtMs: number },
  ): Generation {
    const { type, request, script, price, finishAtMs } = given
    const { results = [] } = script
    const spec: ResultSpec = results[Math.min(index, results.length - 1)] ?? NOTHING_SPECIAL
    const digest = this.seeded.uuid(`generation ${this.#count}/${index}`)
    const wished = seedOf(request.seed)
    const format = textIn(request, 'outputFormat').toUpperCase()
    const usual = Object.values(type.formats)[0]
    return {
      index,
      spec,
      finishAtMs: spec.lateMs === 'never' ? Number.POSITIVE_INFINITY : finishAtMs + (spec.lateMs ?? 0),
      uuid: digest,
      seed: spec.seed !== undefined ? BigInt(spec.seed) : (wished ?? BigInt(`0x${digest.slice(0, 8)}`)) + BigInt(index),
      media: spec.type ?? type.formats[format] ?? usual,
      chargeUsd: spec.status === 'error' ? undefined : (spec.cost ?? price),
      isBeingPut: request.uploadEndpoint !== undefined,
    }
  }
}

const NOTHING_SPECIAL: ResultSpec = {}
