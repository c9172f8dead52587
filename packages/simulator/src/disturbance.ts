import type { Clock } from './clock.ts'
import type { Reply } from './reply.ts'
import { Seeded } from './seeded.ts'

export interface Brownout {
  /** Share of the requests that fail, from 0 to 1. */
  readonly probability: number
  readonly seed: string
  /** Creates may then be accepted although their answer is lost. */
  readonly lossy?: boolean | undefined
}

export interface Latency {
  readonly minMs: number
  readonly maxMs: number
  readonly seed: string
}

/** Trouble that concerns every request alike, the same for the same seed. */
export class Disturbance {
  readonly #clock: Clock
  #downUntilMs = 0
  #brownout: Brownout | undefined
  #latency: Latency | undefined
  #requests = 0
  skewMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Every request is answered 503 for this long. */
  down(ms: number): void {
    this.#downUntilMs = this.#clock.now() + ms
  }

  brownout(brownout: Brownout | undefined): void {
    this.#brownout = brownout
  }

  latency(latency: Latency | undefined): void {
    this.#latency = latency
  }

  clear(): void {
    this.#downUntilMs = 0
    this.#brownout = undefined
    this.#latency = undefined
    this.#requests = 0
    this.skewMs = 0
  }

  /** What this request meets: nothing, or a failure that may come before or after the work was done. */
  next(): { readonly delayMs: number; readonly failure?: Reply; readonly isAfterwards: boolean } {
    if (this.#downUntilMs > 0 && this.#clock.now() < this.#downUntilMs)
      return { delayMs: 0, failure: unavailable(), isAfterwards: false }
    if (!this.#brownout && !this.#latency) return NOTHING
    this.#requests += 1
    const delayMs = this.#latency ? delayOf(this.#latency, this.#requests) : 0
    if (!this.#brownout) return { delayMs, isAfterwards: false }
    const seeded = new Seeded(this.#brownout.seed)
    if (seeded.fraction(`hit ${this.#requests}`) >= this.#brownout.probability) return { delayMs, isAfterwards: false }
    const kind = seeded.fraction(`kind ${this.#requests}`)
    const isAfterwards = this.#brownout.lossy === true && kind < 0.5
    return { delayMs, failure: kind * 4 - Math.floor(kind * 4) < 0.5 ? { fate: 'drop' } : unavailable(), isAfterwards }
  }
}

const NOTHING = { delayMs: 0, isAfterwards: false }

function unavailable(): Reply {
  return { http: 503, body: { error: 'Service Unavailable' } }
}

function delayOf({ minMs, maxMs, seed }: Latency, ordinal: number): number {
  return minMs + (maxMs - minMs) * new Seeded(seed).fraction(`delay ${ordinal}`)
}
