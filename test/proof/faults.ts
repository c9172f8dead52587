import { AsyncLocalStorage } from 'node:async_hooks'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Action, type Fault, type Point, parseFaults } from './points.ts'

/** Never comes. */
export const NEVER = new Promise<never>(() => {})

/** What a worker or API is to do to itself, and where it writes down that it came there. */
export class Faults {
  readonly #faults: readonly Fault[]
  readonly #hitsFile: string
  readonly #onDeath: () => void
  readonly #hits = new Map<Point, number>()
  #isDead = false

  /** `onDeath` kills the process, at once or when all are dead that share it. */
  constructor(spec: string, hitsFile: string, onDeath: () => void) {
    this.#faults = parseFaults(spec)
    this.#hitsFile = hitsFile
    this.#onDeath = onDeath
  }

  /** From its death on it does nothing any more, while the others in its process come to their points. */
  get isDead(): boolean {
    return this.#isDead
  }

  /** Goes on only while it lives. */
  async alive(): Promise<void> {
    if (this.#isDead) await NEVER
  }

  /** Counts the point; dies or stands still at once, and tells what else is to be done here. */
  reach(point: Point): Exclude<Action, 'kill' | 'hang'> | undefined {
    const fault = this.#isDead ? undefined : this.#next(point)
    if (!fault) return undefined
    // Written before it acts: nothing of a process runs after it was killed.
    appendFileSync(this.#hitsFile, `${point} ${fault.action}\n`)
    if (fault.action === 'kill') {
      this.#isDead = true
      this.#onDeath()
      return undefined
    }
    if (fault.action !== 'hang') return fault.action
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.ms)
    return undefined
  }

  /** The same, done: waits or throws. What is lost by `drop` is for the caller to say, else it throws as well. */
  async pass<T>(point: Point, lost?: () => T): Promise<T | undefined> {
    const action = this.reach(point)
    await this.alive()
    if (action === 'delay') await sleep(this.#delayOf(point))
    if (action === 'drop' && lost) return lost()
    if (action === 'throw' || action === 'drop') throw new Error(`fault at ${point}`)
    return undefined
  }

  #next(point: Point): Fault | undefined {
    const nth = (this.#hits.get(point) ?? 0) + 1
    this.#hits.set(point, nth)
    return this.#faults.find((fault) => fault.point === point && fault.nth === nth)
  }

  #delayOf(point: Point): number {
    return this.#faults.find((fault) => fault.point === point && fault.action === 'delay')?.ms ?? 0
  }
}

/** Whose work is under way: several workers may share a process, and everything they do carries their faults along. */
export const underWay = new AsyncLocalStorage<Faults>()
