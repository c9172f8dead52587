import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Keys } from './keys.ts'
import { loadScript } from './script.ts'

const restKey = loadScript('rest-key')
const keyStates = loadScript('key-states')
const ALL_MODELS = '*'
/** The field of a key whose creates were lost. */
const LOST = '!'
const MODEL = 'm:'
const UNAVAILABLE = 'provider_unavailable'

const Rested = z.tuple([z.coerce.boolean(), z.coerce.number()])
const States = z.array(z.tuple([z.coerce.number(), z.string(), z.number()]))

type Rest = {
  /** The model it rests for; absent: for all. */
  model?: string
  reason: string
  sinceMs: number
  untilMs: number
}

export type RestOptions = {
  restMs: number
  reason: string
  /** Each rest for the same reason in a row is twice as long as the one before, up to this. */
  longestMs?: number
}

/** What stands in the way of a key. `slots`: how many of its tasks are at the vendor in the lane. */
export type KeyState = { restMs: number; reason: string | undefined; slots: number }

/** Which provider keys may not be used for new tasks for a while; shared by all processes, forgotten by itself. */
export class KeyRests {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(deps: { redis: Redis; keys: Keys }) {
    this.#redis = deps.redis
    this.#keys = deps.keys
  }

  /** The key rests for one model, or wholly; a longer rest that runs already is kept. Tells whether one has begun. */
  async rest(
    keyId: string,
    model: string | undefined,
    { restMs, reason, longestMs = 0 }: RestOptions,
  ): Promise<{ isNew: boolean; restMs: number }> {
    const args = [fieldOf(model), Math.ceil(restMs), reason, Math.ceil(longestMs), '']
    const [isNew, leftMs] = Rested.parse((await restKey(this.#redis, [this.#keys.rests(keyId)], args)).value)
    return { isNew, restMs: leftMs }
  }

  /**
   * A create was lost that can neither be asked for nor sent again: until one is answered, one job at a time tries the
   * key, each after a rest that is twice as long as the one before. Tells whether such a time has begun.
   */
  async noteLost(
    keyId: string,
    { restMs, longestMs, wasProbe }: { restMs: number; longestMs: number; wasProbe: boolean },
  ): Promise<{ isNew: boolean; restMs: number }> {
    const args = [LOST, Math.ceil(restMs), UNAVAILABLE, Math.ceil(longestMs), wasProbe ? 1 : '']
    const [isNew, leftMs] = Rested.parse((await restKey(this.#redis, [this.#keys.rests(keyId)], args)).value)
    return { isNew, restMs: leftMs }
  }

  /** A probe was answered: all may go. */
  async noteAnswered(keyId: string): Promise<void> {
    await this.#redis.hdel(this.#keys.rests(keyId), LOST)
  }

  /** The state of each key for the models it is named with (as many for each), in one round trip. */
  async states(asked: readonly { keyId: string; models: readonly string[] }[], lane: string): Promise<KeyState[]> {
    if (asked.length === 0) return []
    const names = asked.flatMap(({ keyId }) => [this.#keys.rests(keyId), this.#keys.slots(keyId, lane)])
    const models = asked.map((each) => [ALL_MODELS, LOST, ...each.models.map(fieldOf)])
    const { value } = await keyStates(this.#redis, names, [models[0]?.length ?? 0, ...models.flat()])
    return States.parse(value).map(([restMs, reason, slots]) => ({ restMs, reason: reason || undefined, slots }))
  }

  /** The rests of a key that run now. */
  async of(keyId: string, nowMs: number): Promise<Rest[]> {
    const fields = await this.#redis.hgetall(this.#keys.rests(keyId))
    return Object.entries(fields).flatMap(([field, text]) => {
      const [untilMs = '', sinceMs = '', , ...reason] = text.split(' ')
      if (Number(untilMs) <= nowMs) return []
      const about = { reason: reason.join(' '), sinceMs: Number(sinceMs), untilMs: Number(untilMs) }
      return [field.startsWith(MODEL) ? { model: field.slice(MODEL.length), ...about } : about]
    })
  }
}

/** A model may be called anything. */
function fieldOf(model: string | undefined): string {
  return model === undefined ? ALL_MODELS : `${MODEL}${model}`
}
