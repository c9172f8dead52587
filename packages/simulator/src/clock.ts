export type ClockMode = 'real' | 'virtual' | { readonly speed: number }

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

/**
 * The only source of time in the simulator. `real` follows the wall, `{ speed }` runs that many times faster from the
 * moment of creation, `virtual` stands still until `advance` moves it.
 */
export class Clock {
  readonly mode: ClockMode
  readonly #startMs: number
  readonly #timeouts = new Set<NodeJS.Timeout>()
  #virtualMs: number
  #waiting: Timer[] = []
  #order = 0
  #isClosed = false

  constructor(mode: ClockMode = 'real', startMs: number = Date.now()) {
    if (typeof mode === 'object' && !(mode.speed > 0)) throw new RangeError('The clock speed must be above zero')
    this.mode = mode
    this.#startMs = startMs
    this.#virtualMs = startMs
  }

  /** Milliseconds since the epoch on this clock, always a whole number. */
  now(): number {
    if (this.mode === 'real') return Date.now()
    if (this.mode === 'virtual') return this.#virtualMs
    return this.#startMs + Math.floor((Date.now() - this.#startMs) * this.mode.speed)
  }

  /** Runs `run` once `delayMs` of clock time have passed; the returned function calls it off. */
  after(delayMs: number, run: () => void): () => void {
    if (this.#isClosed) return () => {}
    if (this.mode === 'virtual') {
      this.#order += 1
      const timer: Timer = { dueMs: this.#virtualMs + delayMs, order: this.#order, run }
      this.#waiting.push(timer)
      return () => {
        this.#waiting = this.#waiting.filter((other) => other !== timer)
      }
    }
    const speed = this.mode === 'real' ? 1 : this.mode.speed
    const timeout = setTimeout(() => {
      this.#timeouts.delete(timeout)
      run()
    }, delayMs / speed)
    this.#timeouts.add(timeout)
    return () => {
      clearTimeout(timeout)
      this.#timeouts.delete(timeout)
    }
  }

  /** Moves a virtual clock, running what falls due on the way in the order it falls due. */
  advance(ms: number): void {
    if (this.mode !== 'virtual') throw new Error('Only a virtual clock can be advanced')
    if (!(ms >= 0)) throw new RangeError('A clock cannot be moved back')
    const targetMs = this.#virtualMs + ms
    for (;;) {
      const next = this.#waiting
        .filter((timer) => timer.dueMs <= targetMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0]
      if (!next) break
      this.#waiting = this.#waiting.filter((timer) => timer !== next)
      this.#virtualMs = Math.max(this.#virtualMs, next.dueMs)
      next.run()
    }
    this.#virtualMs = targetMs
  }

  /** Calls off every timer and sets no more; time itself stays readable. */
  close(): void {
    this.#isClosed = true
    for (const timeout of this.#timeouts) clearTimeout(timeout)
    this.#timeouts.clear()
    this.#waiting = []
  }
}
