import type { Secret } from '@genqueue/contract'
import type { KeyRests } from '@genqueue/jobs'

export type ProviderKey = { id: string; key: Secret; weight: number }

export type Pick =
  | { kind: 'key'; key: ProviderKey }
  /** Every key rests; the first is back in `restMs`. */
  | { kind: 'resting'; restMs: number; reason: string }
  | { kind: 'none' }

/** A vendor's keys. A key is known by its fingerprint, so that a job finds the one it was submitted with again. */
export class KeyRing {
  readonly #keys: readonly ProviderKey[]
  readonly #rests: KeyRests
  readonly #random: () => number

  constructor(deps: { keys: readonly { key: Secret; weight: number }[]; rests: KeyRests; random?: () => number }) {
    this.#keys = deps.keys.map(({ key, weight }) => ({ id: key.fingerprint, key, weight }))
    this.#rests = deps.rests
    this.#random = deps.random ?? Math.random
  }

  get size(): number {
    return this.#keys.length
  }

  byId(id: string): ProviderKey | undefined {
    return this.#keys.find((key) => key.id === id)
  }

  /** One of the keys that may be used for the model now, by weight. */
  async pick(model: string | undefined): Promise<Pick> {
    const inUse = this.#keys.filter(({ weight }) => weight > 0)
    if (inUse.length === 0) return { kind: 'none' }
    const rests = await this.#rests.resting(
      inUse.map(({ id }) => id),
      model,
    )
    const free = inUse.filter((_, index) => rests[index]?.restMs === 0)
    if (free.length === 0) {
      const first = rests.reduce((a, b) => (b.restMs < a.restMs ? b : a))
      return { kind: 'resting', restMs: first.restMs, reason: first.reason ?? 'provider_unavailable' }
    }
    let point = this.#random() * free.reduce((sum, { weight }) => sum + weight, 0)
    for (const key of free) {
      point -= key.weight
      if (point < 0) return { kind: 'key', key }
    }
    const last = free.at(-1)
    return last ? { kind: 'key', key: last } : { kind: 'none' }
  }

  /** Keeps the key from new tasks, on every worker. */
  async rest(key: ProviderKey, model: string | undefined, restMs: number, reason: string): Promise<void> {
    await this.#rests.rest(key.id, model, restMs, reason)
  }
}
