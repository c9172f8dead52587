import type { Redis } from 'ioredis'

/** A connection may be dead without a word; this is how soon that is noticed, with the time a command is given. */
const PING_MS = 300
/** After so many without an answer the connection is given up; until then the process may just be busy. */
const MAX_MISSED_PINGS = 3

/** Which keys and teams were changed by any process, heard on one subscription. */
export class AccountChanges {
  readonly #redis: Redis
  readonly #channel: string
  readonly #listeners: ((id: string | undefined) => void)[] = []
  #isSubscribed = false
  #isHearing = false
  #missedPings = 0
  #timer: NodeJS.Timeout | undefined

  /** `redis` is used for nothing else, and gives up on a command that is not answered. Nothing is heard before `start`. */
  constructor({ redis, prefix }: { redis: Redis; prefix: string }) {
    this.#redis = redis
    this.#channel = accountChannel(prefix)
  }

  /** False while changes may be missed. */
  get isHearing(): boolean {
    return this.#isHearing
  }

  /** `id` is what was changed; without it, anything may have been. */
  onChange(listener: (id: string | undefined) => void): void {
    this.#listeners.push(listener)
  }

  start(): void {
    this.#redis.on('message', (_channel, id: string) => this.#tell(id))
    this.#redis.on('ready', () => void this.#subscribe())
    this.#redis.on('close', () => {
      this.#isSubscribed = false
      this.#isHearing = false
    })
    // Its errors are those of the other connection, which tells them.
    this.#redis.on('error', () => undefined)
    this.#redis.connect().catch(() => undefined)
    this.#timer = setInterval(() => void this.#ping(), PING_MS)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#redis.disconnect()
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#redis.subscribe(this.#channel)
      // What was changed while nobody listened is not told again.
      this.#tell(undefined)
      this.#isSubscribed = true
      this.#isHearing = true
      this.#missedPings = 0
    } catch {
      this.#redis.disconnect(true)
    }
  }

  async #ping(): Promise<void> {
    if (!this.#isSubscribed) return
    try {
      await this.#redis.ping()
      // An answer comes behind every change that was published before it.
      this.#isHearing = this.#isSubscribed
      this.#missedPings = 0
    } catch {
      this.#isHearing = false
      this.#missedPings += 1
      if (this.#missedPings >= MAX_MISSED_PINGS) this.#redis.disconnect(true)
    }
  }

  #tell(id: string | undefined): void {
    for (const listener of this.#listeners) listener(id)
  }
}

/** Where the hash of a key or the name of a team is published when it has been changed. */
export function accountChannel(prefix: string): string {
  return `${prefix}:accounts`
}
