import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { ROOT } from '../../scripts/source-files.ts'
import { type Core, pinnedCommand } from './cores.ts'

const PROBE = new URL('./probe.ts', import.meta.url).href
const END_WITHIN_MS = 10_000
const READY_WITHIN_MS = 15_000
const LOG_TAIL_CHARS = 4_000

const Usage = z.object({ cpuUs: z.number(), rssBytes: z.number(), heapBytes: z.number() })
/** CPU time since the process started, and the memory it holds. */
export type Usage = z.infer<typeof Usage>

const Reply = z.object({ id: z.number(), value: z.unknown().optional(), error: z.string().optional() })
type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void }

export type ChildOptions = {
  /** From the repository's root. */
  script: string
  core: Core
  env?: Record<string, string>
}

/** A program in a process of its own that answers questions. It ends with this process. */
export class Child {
  readonly pid: number
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #waiting = new Map<number, Waiting>()
  #logTail = ''
  #questions = 0
  #isEnding = false

  constructor({ script, core, env = {} }: ChildOptions) {
    const profile = process.env.BENCH_CPU_PROFILE_DIR
    const flags = profile ? ['--cpu-prof', '--cpu-prof-dir', profile, '--cpu-prof-interval', '200'] : []
    const args = ['--no-warnings', ...flags, '--import', PROBE, join(ROOT, script)]
    const [command, rest] = pinnedCommand(core, process.execPath, args)
    this.#process = spawn(command, rest, {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    if (this.#process.pid === undefined) throw new Error(`${script} could not be started`)
    this.pid = this.#process.pid
    this.#exited = once(this.#process, 'exit').then(() => this.#onExit(script))
    const keep = (chunk: Buffer) => {
      this.#logTail = (this.#logTail + chunk.toString()).slice(-LOG_TAIL_CHARS)
    }
    this.#process.stdout?.on('data', keep)
    this.#process.stderr?.on('data', keep)
    this.#process.on('message', (message) => this.#onReply(message))
  }

  /** Waits until the program can answer. */
  ask(name: string, argument?: unknown): Promise<unknown> {
    if (this.#process.exitCode !== null) throw new Error(`The process has ended:\n${this.#logTail}`)
    this.#questions += 1
    const id = this.#questions
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#process.send({ id, name, argument })
    })
  }

  async usage(): Promise<Usage> {
    return Usage.parse(await this.ask('usage'))
  }

  /** The last of what it printed. */
  get logTail(): string {
    return this.#logTail
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#isEnding = true
    if (this.#process.exitCode !== null) return
    this.#process.kill(signal)
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_WITHIN_MS)
    await this.#exited
    clearTimeout(timer)
  }

  #onReply(message: unknown): void {
    const { id, value, error } = Reply.parse(message)
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  }

  #onExit(script: string): void {
    const error = new Error(`${script} has ended:\n${this.#logTail}`)
    for (const { reject } of this.#waiting.values()) reject(error)
    if (!this.#isEnding) console.error(error.message)
  }
}

/** Resolves when the program answers 200 at the address. */
export async function answersOk(url: string, child: Child): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS
  let said = ''
  while (performance.now() < deadlineMs) {
    const answer = await fetch(url).catch(() => undefined)
    said = (await answer?.text()) ?? 'no answer'
    if (answer?.status === 200) return
    await delay(20)
  }
  throw new Error(`${url} is not ready: ${said}\n${child.logTail}`)
}
