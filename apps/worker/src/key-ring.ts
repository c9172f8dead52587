import type { ProviderBook, ProviderKeyEntry } from '@genqueue/accounts'
import type { ProviderName, Secret, VendorLimits } from '@genqueue/contract'
import { type KeyRests, type KeyState, laneLimit, type RestOptions } from '@genqueue/jobs'

/** A key as the stages use it. */
export type ProviderKey = {
  id: string
  key: Secret
  /** Model as asked for → model as sent. */
  aliases: Readonly<Record<string, string>>
}

export type Pick =
  /** `limit`: how many of this key's tasks may be at the vendor in the lane at once. */
  | { kind: 'key'; key: ProviderKey; limit: number | undefined }
  /** Every key rests; the first is back in `restMs`. */
  | { kind: 'resting'; restMs: number; reason: string }
  /** Every key that does not rest has as many tasks at the vendor as it may. */
  | { kind: 'full' }
  /** No key may serve the model. */
  | { kind: 'none' }

/** How much more a lane takes now. `free` undefined: no limit is known; `heldMs`: how long every key rests. */
export type Capacity = { free: number | undefined; heldMs: number; reason?: string }

/** What the ring reads of the operator's settings. */
export type KeyBook = { [Name in 'settings' | 'byId']: ProviderBook[Name] }

export type KeyRingDeps = {
  provider: ProviderName
  book: KeyBook
  rests: KeyRests
  /** What the vendor tells about a key; undefined where nothing is known. */
  limitsOf?: (keyId: string) => Promise<VendorLimits | undefined>
  random?: () => number
}

type Candidate = { entry: ProviderKeyEntry; state: KeyState; limit: number | undefined }

/** Without a key there is nothing to wait for; how soon to look whether one was added. */
const NO_KEY_MS = 500

/** A vendor's keys. A key is known by its fingerprint, so that a job finds the one it was submitted with again. */
export class KeyRing {
  readonly #deps: KeyRingDeps

  constructor(deps: KeyRingDeps) {
    this.#deps = deps
  }

  /** How many keys may take new tasks. */
  get size(): number {
    return this.#entries().filter(isUsable).length
  }

  /** Disabled and retired keys too: what was submitted with them goes on. */
  byId(id: string): ProviderKey | undefined {
    const entry = this.#deps.book.byId(this.#deps.provider, id)
    return entry && keyOf(entry)
  }

  /** One of the keys that may be used for the model now and have a free slot in the lane, by weight. */
  async pick(model: string | undefined, lane: string): Promise<Pick> {
    const candidates = await this.#candidates(model, lane, (entry) => mayServe(entry, model))
    if (candidates.length === 0) return { kind: 'none' }
    const awake = candidates.filter(({ state }) => state.restMs === 0)
    if (awake.length === 0) return { kind: 'resting', ...firstBack(candidates) }
    const free = awake.filter(({ state, limit }) => limit === undefined || state.slots < limit)
    const chosen = byWeight(free, (this.#deps.random ?? Math.random)())
    return chosen ? { kind: 'key', key: keyOf(chosen.entry), limit: chosen.limit } : { kind: 'full' }
  }

  /** How many more tasks of the lane may be submitted now, over all keys; without a model, over those for any of them. */
  async capacity(lane: string, model: string | undefined): Promise<Capacity> {
    const isOfLane = (entry: ProviderKeyEntry) => model === undefined || mayServe(entry, model)
    const candidates = await this.#candidates(model, lane, isOfLane)
    if (candidates.length === 0) return { free: 0, heldMs: NO_KEY_MS, reason: 'provider_configuration' }
    const awake = candidates.filter(({ state }) => state.restMs === 0)
    if (awake.length === 0) {
      const { restMs, reason } = firstBack(candidates)
      return { free: 0, heldMs: restMs, reason }
    }
    const room = awake.map(({ state, limit }) => Math.max(0, (limit ?? Number.POSITIVE_INFINITY) - state.slots))
    const free = room.reduce((sum, each) => sum + each, 0)
    return { free: Number.isFinite(free) ? free : undefined, heldMs: 0 }
  }

  /** Keeps the key from new tasks, in every process. Tells whether a rest has begun, and for how long it lasts. */
  rest(key: { id: string }, model: string | undefined, options: RestOptions) {
    return this.#deps.rests.rest(key.id, model, options)
  }

  /** A create of the key was lost for good: one job at a time tries it, until one is answered. */
  noteLost(key: { id: string }, options: Parameters<KeyRests['noteLost']>[1]) {
    return this.#deps.rests.noteLost(key.id, options)
  }

  /** A job that tried the key was answered. */
  noteAnswered(key: { id: string }) {
    return this.#deps.rests.noteAnswered(key.id)
  }

  async #candidates(
    model: string | undefined,
    lane: string,
    isWanted: (entry: ProviderKeyEntry) => boolean,
  ): Promise<Candidate[]> {
    const { provider, book, rests, limitsOf } = this.#deps
    const { limits } = book.settings(provider)
    const entries = this.#entries().filter((entry) => isUsable(entry) && isWanted(entry))
    // The same number of models for each key: as asked for, and as the vendor calls it.
    const asked = entries.map((entry) => ({
      keyId: entry.id,
      models: model === undefined ? [] : [model, upstreamModel(entry, model)],
    }))
    const [states, live] = await Promise.all([
      rests.states(asked, lane),
      Promise.all(entries.map(({ id }) => limitsOf?.(id))),
    ])
    return entries.flatMap((entry, n) => {
      const state = states[n]
      return state ? [{ entry, state, limit: laneLimit(lane, limits, live[n]).limit }] : []
    })
  }

  #entries(): readonly ProviderKeyEntry[] {
    return this.#deps.book.settings(this.#deps.provider).keys
  }
}

/** The model as it is sent to the vendor with this key. */
export function upstreamModel({ aliases }: { aliases: ProviderKey['aliases'] }, model: string): string {
  return Object.hasOwn(aliases, model) ? (aliases[model] ?? model) : model
}

function keyOf({ id, value, aliases }: ProviderKeyEntry): ProviderKey {
  return { id, key: value, aliases }
}

/** Whether new tasks may be given to the key at all. */
export function isUsable({ enabled, retired, weight }: ProviderKeyEntry): boolean {
  return enabled && !retired && weight > 0
}

/** A job without a model is for keys that serve all. */
function mayServe(entry: ProviderKeyEntry, model: string | undefined): boolean {
  const servesAll = entry.models.includes('*')
  if (model === undefined) return servesAll && !entry.blacklistedModels.includes('*')
  const names = [model, upstreamModel(entry, model)]
  if (entry.blacklistedModels.some((each) => each === '*' || names.includes(each))) return false
  return servesAll || names.some((name) => entry.models.includes(name))
}

/** `random` from 0 to 1 decides; each stands for its share of that. */
function byWeight(candidates: readonly Candidate[], random: number): Candidate | undefined {
  let point = random * candidates.reduce((sum, { entry }) => sum + entry.weight, 0)
  for (const candidate of candidates) {
    point -= candidate.entry.weight
    if (point < 0) return candidate
  }
  return candidates.at(-1)
}

function firstBack(candidates: readonly Candidate[]): { restMs: number; reason: string } {
  const { state } = candidates.reduce((a, b) => (b.state.restMs < a.state.restMs ? b : a))
  return { restMs: state.restMs, reason: state.reason ?? 'provider_unavailable' }
}
