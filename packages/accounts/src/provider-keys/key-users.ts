import type { Redis } from 'ioredis'

const MAX_SHOWN = 100

/** Which jobs run with a key's value: those that were submitted with it and have not ended. */
export class KeyUsers {
  readonly #redis: Redis
  readonly #prefix: string

  constructor(deps: { redis: Redis; prefix: string }) {
    this.#redis = deps.redis
    this.#prefix = deps.prefix
  }

  count(fingerprint: string): Promise<number> {
    return this.#redis.scard(this.#key(fingerprint))
  }

  /** How many there are, and the ids of the first hundred found. */
  async some(fingerprint: string): Promise<{ count: number; ids: string[] }> {
    const count = await this.count(fingerprint)
    const ids = new Set<string>()
    let cursor = '0'
    do {
      const [next, found] = await this.#redis.sscan(this.#key(fingerprint), cursor, 'COUNT', MAX_SHOWN)
      for (const id of found) ids.add(id)
      cursor = next
    } while (cursor !== '0' && ids.size < MAX_SHOWN)
    return { count, ids: [...ids].slice(0, MAX_SHOWN) }
  }

  #key(fingerprint: string): string {
    return `${this.#prefix}:users:${fingerprint}`
  }
}
