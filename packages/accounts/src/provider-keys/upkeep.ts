import { type Envelope, EnvelopeError, isSealed, kidOf } from '../envelope/envelope.ts'
import type { KeyUsers } from './key-users.ts'
import type { ProviderDocument, RetiredValue } from './provider-document.ts'
import { knownOf } from './provider-resource.ts'
import type { ProviderRow, ProviderStore } from './provider-store.ts'
import { type KeySources, VALUE_FIELD } from './settings-of.ts'
import { isSameValue } from './with-keys.ts'

/** Longer than any process takes to hear of a change: until then one may still be submitting with the value. */
const RETIRED_AT_LEAST_MS = 300_000
/** Longer than a task may take by any deadline; for values of which this process does not know who uses them. */
const RETIRED_UNSEEN_MS = 40 * 86_400_000

export type Rewrapped = { rewrapped: number; failed: string[] }

/** Moves every secret to the current encryption key. Does nothing where that is done; may run in many processes. */
export async function rewrapKeys(store: ProviderStore, envelope: Envelope): Promise<Rewrapped> {
  const total: Rewrapped = { rewrapped: 0, failed: [] }
  for (const { provider } of await store.readAll()) {
    const { rewrapped, failed } = await store.update(provider, (found) => rewrapDocument(found, envelope))
    total.rewrapped += rewrapped
    total.failed.push(...failed)
  }
  return total
}

function rewrapDocument(found: ProviderDocument | undefined, envelope: Envelope) {
  const result: Rewrapped = { rewrapped: 0, failed: [] }
  if (found === undefined) return { document: found, result }
  const { provider } = found
  const moved = <Stored extends { value: string; name: string }>(stored: Stored, keyId: string): Stored => {
    if (!isSealed(stored.value)) return stored
    try {
      const value = envelope.rewrap(stored.value, { owner: provider, id: keyId, field: VALUE_FIELD })
      if (value === stored.value) return stored
      result.rewrapped += 1
      return { ...stored, value }
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      result.failed.push(`${provider}/${stored.name}: ${error.message}`)
      return stored
    }
  }
  const keys = found.keys.map((key) => moved(key, key.id))
  const retired = found.retired.map((value) => moved(value, value.keyId))
  return { document: result.rewrapped === 0 ? found : { ...found, keys, retired }, result }
}

/** Encryption keys that stored secrets need and this process does not have, by kid. */
export function missingKids(rows: readonly ProviderRow[], envelope: Envelope | undefined): string[] {
  const sealed = rows
    .flatMap(({ document }) => [...(document?.keys ?? []), ...(document?.retired ?? [])])
    .map(({ value }) => value)
    .filter(isSealed)
  return [...new Set(sealed.map(kidOf))].filter((kid) => envelope?.knows(kid) !== true)
}

/** Drops retired values that no job uses any more; returns how many. */
export async function sweepRetired(deps: {
  store: ProviderStore
  users: KeyUsers
  sources: KeySources
  nowMs: number
}): Promise<number> {
  let dropped = 0
  for (const { provider, document } of await deps.store.readAll()) {
    const unused: RetiredValue[] = []
    for (const value of document?.retired ?? []) if (await isUnused(value, deps)) unused.push(value)
    if (unused.length === 0) continue
    dropped += await deps.store.update(provider, (found) => withoutRetired(found, unused))
  }
  return dropped
}

async function isUnused(
  value: RetiredValue,
  { users, sources, nowMs }: { users: KeyUsers; sources: KeySources; nowMs: number },
): Promise<boolean> {
  const ageMs = nowMs - value.retiredAtMs
  if (ageMs < RETIRED_AT_LEAST_MS) return false
  const { fingerprint } = knownOf(value, sources)
  if (fingerprint === undefined) return ageMs > RETIRED_UNSEEN_MS
  return (await users.count(fingerprint)) === 0
}

function withoutRetired(found: ProviderDocument | undefined, unused: readonly RetiredValue[]) {
  if (found === undefined) return { document: found, result: 0 }
  // Retired again in the meantime, it begins anew.
  const isOne = (value: RetiredValue) =>
    unused.some((each) => each.retiredAtMs === value.retiredAtMs && isSameValue(each, value))
  const retired = found.retired.filter((value) => !isOne(value))
  const result = found.retired.length - retired.length
  if (result === 0) return { document: found, result }
  const isEmpty = found.settings === undefined && retired.length === 0
  return { document: isEmpty ? undefined : { ...found, retired }, result }
}
