/** The same numbers for the same seed. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next()
  }

  /** How long until the next of events that come at random, so far apart on average. */
  untilNext(meanMs: number): number {
    return -Math.log(1 - this.next()) * meanMs
  }

  /** One of them, each as likely as its weight. */
  pick<T>(weighted: readonly (readonly [weight: number, value: T])[]): T {
    let at = this.next() * weighted.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of weighted) {
      at -= weight
      if (at < 0) return value
    }
    throw new Error('there is nothing to pick from')
  }
}
