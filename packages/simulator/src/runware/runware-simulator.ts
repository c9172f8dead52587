import type { AccountStatus } from '../accounts.ts'
import type { ExpectedOutput } from '../assets/asset-host.ts'
import type { Brownout, Disturbance, Latency } from '../disturbance.ts'
import type { Exchange } from '../exchange.ts'
import type { FaultArgs } from '../fault-args.ts'
import type { Listener } from '../listener.ts'
import type { Violation } from '../violation.ts'
import { type RunwareFaultId, runwareFaultScript } from './faults.ts'
import { textOf } from './items.ts'
import { type RunwareLedger, type RunwareTaskSummary, readRunwareLedger, summarizeRunwareTasks } from './ledger.ts'
import type { Outgoing } from './outgoing.ts'
import type { RunwareOutputs } from './outputs.ts'
import type { Push, PushRecord } from './push.ts'
import { type RunwareMatch, RunwareScript } from './script.ts'
import type { RunwareSockets } from './socket.ts'
import type { RunwareUpload } from './uploads.ts'
import type { World } from './world.ts'

export interface RunwareParts {
  readonly world: World
  readonly outputs: RunwareOutputs
  readonly disturbance: Disturbance
  readonly push: Push
  readonly outgoing: Outgoing
  readonly sockets: RunwareSockets
  readonly api: Listener
}

/** The provider with its REST and WebSocket doors, and the strings to pull on it. */
export class RunwareSimulator {
  readonly keys: readonly string[]
  readonly disturbance: Disturbance
  readonly #parts: RunwareParts
  readonly #world: World

  constructor(parts: RunwareParts) {
    this.keys = parts.world.options.keys
    this.disturbance = parts.disturbance
    this.#parts = parts
    this.#world = parts.world
  }

  /** Where tasks are posted. */
  get url(): string {
    return `${this.#parts.api.url}/v1`
  }

  get wsUrl(): string {
    return this.url.replace('http', 'ws')
  }

  start(): Promise<void> {
    return this.#parts.api.start()
  }

  /** Answers what the asset host was asked for, if it is one of these outputs. */
  serveOutput(exchange: Exchange): boolean {
    return this.#parts.outputs.serve(exchange)
  }

  /** Queues scripts; each is played by the next task (or connection, or account call) that it fits. */
  script(...scripts: RunwareScript[]): void {
    for (const script of scripts) {
      const parsed = RunwareScript.parse(script)
      if (parsed.refuseMs === undefined) this.#world.book.push(parsed)
      else this.#parts.api.refuse(parsed.refuseMs)
    }
  }

  /** Queues a fault by its name, for one task unless `args.times` says otherwise. */
  fault(id: RunwareFaultId, args: FaultArgs = {}, match?: RunwareMatch): void {
    this.script({ ...runwareFaultScript(id, args), ...(match ? { match } : {}) })
  }

  tasks(): RunwareTaskSummary[] {
    return summarizeRunwareTasks(this.#world)
  }

  ledger(): RunwareLedger {
    return readRunwareLedger(this.#world)
  }

  violations(): Violation[] {
    return this.#world.watch.violations()
  }

  uploads(): RunwareUpload[] {
    return this.#world.uploads.all()
  }

  /** The uploads are gone, as if nobody had used them for a month. */
  forgetUploads(): void {
    this.#world.uploads.forget()
  }

  /** Webhook calls and uploads to an uploadEndpoint, in the order they were made. */
  pushes(): PushRecord[] {
    return this.#parts.push.records()
  }

  /** Exactly what a faultless delivery of this output gives. */
  expectedOutput(taskUUID: string, index = 0): ExpectedOutput {
    return this.#parts.outputs.expected(this.#taskNamed(taskUUID), index)
  }

  /** The same for a task whose outputs are text. */
  expectedText(taskUUID: string, index = 0): string {
    return textOf(this.#taskNamed(taskUUID), index)
  }

  /** How many tasks of a model may be in the works; undefined lifts the cap. */
  setConcurrency(cap: number | undefined, model?: string): void {
    this.#world.concurrency.set(cap, model)
  }

  setBalance(usd: number, key?: string): void {
    for (const account of this.#world.accounts()) if (key === undefined || account.key === key) account.credits = usd
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

  /** For this much clock time the API answers 503, or takes no connections at all. */
  down(ms: number, how: 'unavailable' | 'refused' = 'unavailable'): void {
    if (how === 'refused') this.#parts.api.refuse(ms)
    else this.disturbance.down(ms)
  }

  brownout(probability: number, seed: string, options: Pick<Brownout, 'lossy'> = {}): void {
    this.disturbance.brownout(probability > 0 ? { probability, seed, ...options } : undefined)
  }

  latency(latency: Latency | undefined): void {
    this.disturbance.latency(latency)
  }

  /** Cuts every connection, as a restart does, and may lose all results on the way; UUIDs stay taken. */
  restart(tasks: 'keep' | 'lose'): void {
    if (tasks === 'lose') this.#world.loseTasks()
    this.#parts.api.dropConnections()
  }

  /** As new: no tasks, uploads, scripts, violations or troubles; caps stay as they were set. */
  reset(): void {
    this.#world.clear()
    this.#parts.push.clear()
    this.#parts.sockets.clear()
    this.disturbance.clear()
  }

  async close(): Promise<void> {
    this.#parts.outgoing.close()
    await this.#parts.api.close()
  }

  #taskNamed(taskUUID: string) {
    const task = this.#world.task(taskUUID)
    if (!task) throw new Error(`There is no task ${taskUUID}`)
    return task
  }
}
