import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { loadScript } from './script.ts'

const restKey = loadScript('rest-key')
const ALL_MODELS = '*'

/** Which provider keys may not be used for new tasks for a while; shared by all workers, forgotten by itself. */
export class KeyRests {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  /** The key rests for one model, or wholly; a longer rest that runs already is kept. */
  async rest(keyId: string, model: string | undefined, restMs: number, reason: string): Promise<void> {
    await restKey(this.#redis, [this.#keys.rest(keyId, model ?? ALL_MODELS)], [Math.ceil(restMs), reason])
  }

  /** For how long each key still rests for this model, and why; 0 when it may be used. */
  async resting(
    keyIds: readonly string[],
    model: string | undefined,
  ): Promise<{ keyId: string; restMs: number; reason: string | undefined }[]> {
    return Promise.all(
      keyIds.map(async (keyId) => {
        const names = [this.#keys.rest(keyId, ALL_MODELS), ...(model ? [this.#keys.rest(keyId, model)] : [])]
        const rests = await Promise.all(
          names.map(async (name) => {
            const [ttl, reason] = await Promise.all([this.#redis.pttl(name), this.#redis.get(name)])
            return { restMs: Math.max(0, ttl), reason: reason ?? undefined }
          }),
        )
        const longest = rests.reduce((a, b) => (b.restMs > a.restMs ? b : a))
        return { keyId, ...longest }
      }),
    )
  }
}
