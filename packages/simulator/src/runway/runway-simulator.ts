import type { AccountStatus } from '../accounts.ts'
import type { AssetHost, ExpectedOutput } from '../assets/asset-host.ts'
import type { Brownout, Disturbance, Latency } from '../disturbance.ts'
import type { FaultArgs } from '../fault-args.ts'
import type { Listener } from '../listener.ts'
import type { Violation } from '../violation.ts'
import { type FaultId, faultScript } from './faults.ts'
import { type Ledger, readLedger, summarizeTasks, type TaskSummary } from './ledger.ts'
import { type Match, Script } from './script.ts'
import type { Task } from './task.ts'
import type { Upload } from './uploads.ts'
import type { World } from './world.ts'

export interface RunwayParts {
  readonly world: World
  readonly disturbance: Disturbance
  readonly assetHost: AssetHost
  readonly api: Listener
  readonly assets: Listener
}

/** The provider with its two origins, and the strings to pull on it. */
export class RunwaySimulator {
  readonly keys: readonly string[]
  readonly disturbance: Disturbance
  readonly #world: World
  readonly #assetHost: AssetHost
  readonly #api: Listener
  readonly #assets: Listener

  constructor({ world, disturbance, assetHost, api, assets }: RunwayParts) {
    this.keys = world.options.keys
    this.disturbance = disturbance
    this.#world = world
    this.#assetHost = assetHost
    this.#api = api
    this.#assets = assets
  }

  /** Base URL for clients; the version is part of their paths. */
  get url(): string {
    return this.#api.url
  }

  get assetsUrl(): string {
    return this.#assets.url
  }

  /** Queues scripts; each is played by the next create (or upload, or organization call) that it fits. */
  script(...scripts: Script[]): void {
    for (const script of scripts) {
      const parsed = Script.parse(script)
      if (parsed.refuseMs === undefined) this.#world.book.push(parsed)
      else this.#api.refuse(parsed.refuseMs)
    }
  }

  /** Queues a fault by its name, for one create unless `args.times` says otherwise. */
  fault(id: FaultId, args: FaultArgs = {}, match?: Match): void {
    this.script({ ...faultScript(id, args), ...(match ? { match } : {}) })
  }

  tasks(): TaskSummary[] {
    return summarizeTasks(this.#world)
  }

  ledger(): Ledger {
    return readLedger(this.#world)
  }

  violations(): Violation[] {
    return this.#world.watch.violations()
  }

  uploads(): Upload[] {
    return this.#world.uploads.all()
  }

  /** Exactly what a faultless download of this output gives. */
  expectedOutput(taskId: string, index = 0): ExpectedOutput {
    return this.#assetHost.expectedOutput(this.#taskNamed(taskId), index)
  }

  /** Undefined lifts the cap. */
  setConcurrency(cap: number | undefined, model?: string): void {
    this.#world.settle()
    this.#world.concurrency.set(cap, model)
    this.#world.settle()
  }

  setDailyCap(cap: number | undefined, model?: string): void {
    this.#world.daily.set(cap, model)
  }

  setCredits(credits: number, key?: string): void {
    for (const account of this.#world.accounts())
      if (key === undefined || account.key === key) account.credits = credits
  }

  addKey(key: string): void {
    this.#world.addKey(key)
  }

  setKeyStatus(key: string, status: AccountStatus): void {
    const account = this.#world.account(key)
    if (!account) throw new Error('There is no such key')
    account.status = status
  }

  revokeKey(key: string): void {
    this.setKeyStatus(key, 'revoked')
  }

  /** Removes a task behind the client's back. */
  deleteTask(taskId: string): void {
    const task = this.#taskNamed(taskId)
    if (!task.final) this.#world.finish(task, 'CANCELLED')
    task.deletedAtMs = this.#world.clock.now()
  }

  /** For this much clock time the API answers 503, or takes no connections at all. */
  down(ms: number, how: 'unavailable' | 'refused' = 'unavailable'): void {
    if (how === 'refused') this.#api.refuse(ms)
    else this.disturbance.down(ms)
  }

  brownout(probability: number, seed: string, options: Pick<Brownout, 'lossy'> = {}): void {
    this.disturbance.brownout(probability > 0 ? { probability, seed, ...options } : undefined)
  }

  latency(latency: Latency | undefined): void {
    this.disturbance.latency(latency)
  }

  /** Cuts every connection, as a restart does, and may lose all tasks on the way. */
  restart(tasks: 'keep' | 'lose'): void {
    if (tasks === 'lose') this.#world.forgetTasks()
    this.#api.dropConnections()
  }

  /** As new: no tasks, uploads, scripts, violations or troubles; caps stay as they were set. */
  reset(): void {
    this.#world.clear()
    this.disturbance.clear()
  }

  async close(): Promise<void> {
    await Promise.all([this.#api.close(), this.#assets.close()])
  }

  #taskNamed(taskId: string): Task {
    const task = this.#world.task(taskId)
    if (!task) throw new Error(`There is no task ${taskId}`)
    return task
  }
}
