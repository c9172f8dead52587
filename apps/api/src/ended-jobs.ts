import type { Redis } from 'ioredis'

/** Hears on one subscription which jobs have ended, and tells whoever waits for one of them. */
export class EndedJobs {
  readonly #redis: Redis
  readonly #channel: string
  readonly #waiting = new Map<string, Set<() => void>>()
  #isHearing = false

  /** `redis` is used for nothing else. Nothing is heard before `start`. */
  constructor({ redis, channel }: { redis: Redis; channel: string }) {
    this.#redis = redis
    this.#channel = channel
  }

  /** False while Redis is away: ends may be missed then. */
  get isHearing(): boolean {
    return this.#isHearing
  }

  start(): void {
    this.#redis.on('message', (_channel, id: string) => this.#tell(id))
    this.#redis.on('ready', () => void this.#subscribe())
    this.#redis.on('close', () => {
      this.#isHearing = false
    })
    // Its errors are those of the other connection, which tells them.
    this.#redis.on('error', () => undefined)
    this.#redis.connect().catch(() => undefined)
  }

  close(): void {
    this.#redis.disconnect()
  }

  /** Calls `onEnd` when the job ends, or may have ended unheard; returns how to stop listening. */
  listen(id: string, onEnd: () => void): () => void {
    const all = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, all.add(onEnd))
    return () => {
      all.delete(onEnd)
      if (all.size === 0 && this.#waiting.get(id) === all) this.#waiting.delete(id)
    }
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#redis.subscribe(this.#channel)
      this.#isHearing = true
      // What ended while nobody listened is not told again.
      for (const id of this.#waiting.keys()) this.#tell(id)
    } catch {
      this.#redis.disconnect(true)
    }
  }

  #tell(id: string): void {
    for (const onEnd of this.#waiting.get(id) ?? []) onEnd()
  }
}
