/** How many webhooks are on their way to each host: those of all endpoints and jobs, of all teams. */
export class HostPlaces {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** Does the work in one of the places at the URL's host; false, at once and without it, where none is free. */
  async run(url: string, work: () => Promise<void>): Promise<boolean> {
    const host = URL.parse(url)?.host ?? ''
    const taken = this.#taken.get(host) ?? 0
    if (taken >= this.#most) return false
    this.#taken.set(host, taken + 1)
    try {
      await work()
      return true
    } finally {
      const left = (this.#taken.get(host) ?? 1) - 1
      if (left > 0) this.#taken.set(host, left)
      else this.#taken.delete(host)
    }
  }
}
