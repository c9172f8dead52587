import type { Redis } from 'ioredis'

/**
 * Hears on one subscription which jobs have ended. What ends while Redis is away is not heard, so this makes waiting
 * shorter and nothing more.
 */
export class EndedJobs {
  readonly #redis: Redis
  readonly #channel: string
  readonly #onEnd: (id: string) => void

  /** `redis` is used for nothing else. Nothing is heard before `start`. */
  constructor({ redis, channel, onEnd }: { redis: Redis; channel: string; onEnd: (id: string) => void }) {
    this.#redis = redis
    this.#channel = channel
    this.#onEnd = onEnd
  }

  start(): void {
    this.#redis.on('message', (_channel, id: string) => this.#onEnd(id))
    this.#redis.on('ready', () => {
      this.#redis.subscribe(this.#channel).catch(() => this.#redis.disconnect(true))
    })
    // Its errors are those of the other connection, which tells them.
    this.#redis.on('error', () => undefined)
    this.#redis.connect().catch(() => undefined)
  }

  close(): void {
    this.#redis.disconnect()
  }
}
