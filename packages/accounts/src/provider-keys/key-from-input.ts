import { ProblemError, type ProviderKeyInput, type ProviderName, Secret } from '@genqueue/contract'
import { ulid } from 'ulid'
import { isReference } from './key-references.ts'
import { looksMasked, maskedValue } from './masked-value.ts'
import type { StoredKey } from './provider-document.ts'
import { type KeySources, VALUE_FIELD } from './settings-of.ts'

/** How a field of the key is called in the request. */
export type ParamOf = (field: string) => string

export type KeyChange = {
  provider: ProviderName
  sources: KeySources
  nowMs: number
}

const LITERAL = /^[\x21-\x7e]{8,512}$/

/** The key as it is to be stored; `existing` is the one that it replaces. */
export function keyFromInput(
  input: ProviderKeyInput,
  existing: StoredKey | undefined,
  paramOf: ParamOf,
  change: KeyChange,
): StoredKey {
  const { name, models, blacklisted_models: blacklistedModels, aliases, weight, enabled } = input
  const id = existing?.id ?? `pk_${ulid(change.nowMs)}`
  const rules = { id, name, models, blacklistedModels, aliases, weight, enabled }
  const times = { createdAtMs: existing?.createdAtMs ?? change.nowMs, updatedAtMs: change.nowMs }
  return { ...rules, ...valueFrom(input.value, id, existing, paramOf('value'), change), ...times }
}

type StoredValue = Pick<StoredKey, 'value' | 'fingerprint' | 'masked'>

function valueFrom(
  given: string,
  keyId: string,
  existing: StoredKey | undefined,
  param: string,
  { provider, sources }: KeyChange,
): StoredValue {
  const { envelope, references } = sources
  if (looksMasked(given)) {
    if (existing !== undefined && existing.masked === given) return storedValue(existing)
    throw invalid(`${param} is a masked value of another key; send the key itself, or the value as it is shown`, param)
  }
  if (isReference(given)) {
    const refusal = references.refusal(given)
    if (refusal !== undefined) throw invalid(`${param} ${refusal}`, param)
    const found = references.resolve(given)
    return { value: given, ...(found.kind === 'value' && { fingerprint: found.value.fingerprint }) }
  }
  if (!LITERAL.test(given)) {
    throw invalid(`${param} must be env.NAME, or a key of 8 to 512 visible ASCII characters without spaces`, param)
  }
  const secret = new Secret(given)
  const { fingerprint } = secret
  if (existing?.masked !== undefined && existing.fingerprint === fingerprint) return storedValue(existing)
  if (envelope === undefined) {
    const message = `${param} holds a key, and there is nothing to encrypt it with: set ENCRYPTION_KEYS for the API and the workers, or refer to a variable of theirs as env.NAME`
    throw new ProblemError('encryption_unavailable', message, { param })
  }
  const value = envelope.seal(secret, { owner: provider, id: keyId, field: VALUE_FIELD })
  return { value, fingerprint, masked: maskedValue(secret) }
}

function storedValue({ value, fingerprint, masked }: StoredKey): StoredValue {
  return { value, ...(fingerprint !== undefined && { fingerprint }), ...(masked !== undefined && { masked }) }
}

function invalid(message: string, param: string): ProblemError {
  return new ProblemError('invalid_request', message, { param })
}
