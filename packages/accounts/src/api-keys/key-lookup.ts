import { timingSafeEqual } from 'node:crypto'
import type { AccountChanges } from '../account-changes.ts'
import { FreshCache } from '../fresh-cache.ts'
import type { ApiKeyRecord } from './api-key-record.ts'
import { hashOfKey, isWellFormed } from './api-key-secret.ts'
import type { ApiKeys } from './api-keys.ts'

const NOTE_USE_EVERY_MS = 60_000
const MAX_NOTED = 10_000

export type KeyLookupDeps = {
  apiKeys: Pick<ApiKeys, 'findByHash' | 'noteUse'>
  changes: Pick<AccountChanges, 'isHearing' | 'onChange'>
  now?: () => number
}

/** Whose key this is, asked of Redis once in a while; a key that was changed or revoked is asked about again at once. */
export class KeyLookup {
  readonly #apiKeys: KeyLookupDeps['apiKeys']
  readonly #cache: FreshCache<ApiKeyRecord>
  readonly #now: () => number
  /** When the use of a key was last written down by this process. */
  readonly #notedMs = new Map<string, number>()

  constructor({ apiKeys, changes, now = Date.now }: KeyLookupDeps) {
    this.#apiKeys = apiKeys
    this.#now = now
    this.#cache = new FreshCache({ load: (hash) => apiKeys.findByHash(hash), isHearing: () => changes.isHearing, now })
    changes.onChange((hash) => (hash === undefined ? this.#cache.clear() : this.#cache.drop(hash)))
  }

  /** The record of a key that is good now. One that is not formed like a key is refused without asking anybody. */
  async find(key: string): Promise<ApiKeyRecord | undefined> {
    const hash = hashOfKey(key)
    // What was found once is formed like a key.
    if (this.#cache.last(hash) === undefined && !isWellFormed(key)) return undefined
    const record = await this.#cache.get(hash)
    if (!record || !this.#isGood(record, hash)) return undefined
    this.#noteUse(record.id)
    return record
  }

  /** Whether nothing is known about the key here, so that `find` would ask. */
  isNew(key: string): boolean {
    return isWellFormed(key) && this.#cache.last(hashOfKey(key)) === undefined
  }

  #isGood({ secrets, expiresAtMs = Infinity }: ApiKeyRecord, hash: string): boolean {
    const nowMs = this.#now()
    const given = Buffer.from(hash)
    let untilMs = 0
    for (const secret of secrets) {
      const known = Buffer.from(secret.hash)
      if (known.length === given.length && timingSafeEqual(known, given)) untilMs = secret.untilMs ?? Infinity
    }
    return nowMs < untilMs && nowMs < expiresAtMs
  }

  #noteUse(id: string): void {
    const nowMs = this.#now()
    if (nowMs - (this.#notedMs.get(id) ?? 0) < NOTE_USE_EVERY_MS) return
    if (this.#notedMs.size >= MAX_NOTED) this.#notedMs.clear()
    this.#notedMs.set(id, nowMs)
    // Nobody waits for it: a use that was not written down is written at the next.
    this.#apiKeys.noteUse(id, nowMs).catch(() => this.#notedMs.delete(id))
  }
}
