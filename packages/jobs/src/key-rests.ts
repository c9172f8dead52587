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
    const models = model === undefined ? [ALL_MODELS] : [ALL_MODELS, model]
    const names = keyIds.flatMap((keyId) => models.map((each) => this.#keys.rest(keyId, each)))
    if (names.length === 0) return []
    // One command while nothing rests, which is nearly always.
    const reasons = await this.#redis.mget(names)
    const restsMs = await Promise.all(
      reasons.map((reason, n) => (reason === null ? 0 : this.#redis.pttl(names[n] ?? ''))),
    )
    return keyIds.map((keyId, index) => {
      const own = models.map((_, n) => index * models.length + n)
      const longest = own.reduce((a, b) => ((restsMs[b] ?? 0) > (restsMs[a] ?? 0) ? b : a))
      return { keyId, restMs: Math.max(0, restsMs[longest] ?? 0), reason: reasons[longest] ?? undefined }
    })
  }
}
