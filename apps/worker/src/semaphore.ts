/** At most `permits` holders at once; waiters are served in order. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []
  readonly #onFree: () => void

  /** `onFree` hears of every permit that comes back and that nobody waits for. */
  constructor(permits: number, onFree: () => void = () => {}) {
    this.#free = permits
    this.#onFree = onFree
  }

  get free(): number {
    return this.#free
  }

  /** Runs `work` while holding a permit. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else {
        this.#free += 1
        this.#onFree()
      }
    }
  }
}
