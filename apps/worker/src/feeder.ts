import type { QueueName, Turns } from '@genqueue/jobs'
import type { KeyRing } from './key-ring.ts'
import type { Log } from './log.ts'

/** An idle feeder looks this often for room that others have made. */
const IDLE_MS = 250
const LEAST_IDLE_MS = 25
/** What happens within so long is one reason to feed. */
const DEBOUNCE_MS = 5
const AFTER_FAILURE_MS = 1_000

export type FeederDeps = {
  queue: QueueName
  turns: Turns
  keyRing: Pick<KeyRing, 'capacity'>
  /** How many more jobs from the lines this process could begin now. */
  room: () => number
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
}

/**
 * Gives the jobs that wait in the lanes of one queue their turns: no more than the provider keys take now, and no more
 * than this process has room for, lest whoever comes next stand behind creates of those who wait. Any number of
 * processes may do so at once. Holds nothing.
 */
export class Feeder {
  readonly #deps: FeederDeps
  #stopping = false
  #isWoken = false
  #wake: () => void = () => {}
  #loop: Promise<void> | undefined

  constructor(deps: FeederDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.wake()
    await this.#loop
  }

  /** There may be room now. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  async #run(): Promise<void> {
    const { queue, speed, log } = this.#deps
    while (!this.#stopping) {
      this.#isWoken = false
      try {
        if (await this.#feed()) continue
        if (!this.#isWoken) await this.#sleep(Math.max(LEAST_IDLE_MS, IDLE_MS / speed))
        this.#wake = () => {}
        await new Promise((resolve) => setTimeout(resolve, DEBOUNCE_MS))
      } catch (error) {
        log.error({ err: error, queue }, 'giving turns failed')
        await this.#sleep(AFTER_FAILURE_MS)
      }
    }
  }

  /** True when there is more to give at once. */
  async #feed(): Promise<boolean> {
    const { queue, turns, keyRing, room } = this.#deps
    const lanes = await Promise.all(
      (await turns.lanes(queue)).map(async (lane) => {
        const { free = Number.POSITIVE_INFINITY } = await keyRing.capacity(lane, laneModel(lane))
        return { lane, free }
      }),
    )
    const left = room()
    const share = left > 0 ? Math.max(1, Math.floor(left / lanes.filter(({ free }) => free > 0).length)) : 0
    // Without room, too: messages that were lost are sent again.
    const fed = await Promise.all(lanes.map(({ lane, free }) => turns.feed(queue, lane, { room: share, free })))
    return fed.some(({ hasMore }) => hasMore)
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** The one model of a lane that has one. */
export function laneModel(lane: string): string | undefined {
  return lane === '*' ? undefined : lane
}
