import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Answer, type Order, type Seat } from './seat.ts'

type Ended = { code: number | null; signal: NodeJS.Signals | null }

export type ProcessOptions = {
  /** The name of one of `MUTANTS`. */
  mutant?: string | undefined
  /** Where compiled code is kept from one process to the next; it halves what a start costs. */
  cacheDir?: string
  env?: Record<string, string>
  /** Its standard error goes to this file descriptor. */
  errorsTo?: number
}

const ENTRY = fileURLToPath(new URL('victim.ts', import.meta.url))
const HOOK = new URL('mutant-hook.ts', import.meta.url).href

/** A process of our own that can be killed, and the workers and APIs in it. */
export class ProcessOfSeats {
  readonly child: ChildProcess
  /** Resolves with how it ended. */
  readonly exited: Promise<Ended>

  private constructor(child: ChildProcess) {
    this.child = child
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  }

  /** Resolves when seats can be started in it. */
  static async open({ mutant, cacheDir, env = {}, errorsTo }: ProcessOptions): Promise<ProcessOfSeats> {
    const child = fork(ENTRY, [], {
      env: {
        ...process.env,
        ...env,
        ...(mutant !== undefined && { MUTANT: mutant }),
        ...(cacheDir !== undefined && mutant === undefined && { NODE_COMPILE_CACHE: cacheDir }),
      },
      execArgv: ['--disable-warning=ExperimentalWarning', ...(mutant === undefined ? [] : ['--import', HOOK])],
      stdio: ['ignore', 'inherit', errorsTo ?? 'inherit', 'ipc'],
    })
    const opened = new ProcessOfSeats(child)
    await opened.#hear((answer) => 'ready' in answer)
    return opened
  }

  get isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Resolves with its URL when it takes jobs or requests. */
  async start(seat: Seat): Promise<string> {
    const started = this.#hear((answer) => 'started' in answer && answer.started === seat.name)
    this.#say({ do: 'start', seat })
    const answer = await started
    return 'url' in answer ? answer.url : ''
  }

  /** Ends one of its seats in good order. */
  async stop(name: string): Promise<void> {
    const stopped = this.#hear((answer) => 'stopped' in answer && answer.stopped === name)
    this.#say({ do: 'stop', name })
    await stopped
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    if (!this.isGone) {
      this.child.kill(signal)
      // One that was stopped takes no other signal.
      if (signal !== 'SIGKILL') this.child.kill('SIGCONT')
    }
    return this.exited
  }

  #say(order: Order): void {
    if (this.isGone) throw new Error('the process has ended')
    this.child.send(order, () => {})
  }

  async #hear(isIt: (answer: Answer) => boolean): Promise<Answer> {
    const heard = Promise.withResolvers<Answer>()
    const listen = (message: unknown) => {
      const answer = Answer.parse(message)
      if ('failed' in answer) heard.reject(new Error(answer.failed))
      if (isIt(answer)) heard.resolve(answer)
    }
    this.child.on('message', listen)
    try {
      const gone = this.exited.then(({ code, signal }) => {
        throw new Error(`the process ended before it answered: ${code ?? signal}`)
      })
      gone.catch(() => {})
      return await Promise.race([heard.promise, gone])
    } finally {
      this.child.off('message', listen)
    }
  }
}
