/** How many webhooks are on their way to each host: those of all endpoints and jobs, of all teams. */
export class HostPlaces {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** Runs `work` in one of the places at the URL's host; undefined when there is none. */
  async run<T>(url: string, work: () => Promise<T>): Promise<{ result: T } | undefined> {
    const host = URL.parse(url)?.host ?? ''
    const taken = this.#taken.get(host) ?? 0
    if (taken >= this.#most) return undefined
    this.#taken.set(host, taken + 1)
    try {
      return { result: await work() }
    } finally {
      const left = (this.#taken.get(host) ?? 1) - 1
      if (left > 0) this.#taken.set(host, left)
      else this.#taken.delete(host)
    }
  }
}
