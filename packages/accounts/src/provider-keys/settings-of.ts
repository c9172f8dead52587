import type { ProviderName, Secret } from '@genqueue/contract'
import { type Envelope, EnvelopeError, kidOf } from '../envelope/envelope.ts'
import { isReference, type KeyReferences } from './key-references.ts'
import type { ProviderDocument } from './provider-document.ts'
import type { EnvironmentKeys, KeyFault, ProviderKeyEntry, ProviderSettings } from './provider-settings.ts'

export type KeySources = {
  envelope: Envelope | undefined
  references: KeyReferences
  environment: EnvironmentKeys
}

/** Field of a sealed key value, part of what it is bound to. */
export const VALUE_FIELD = 'value'

const OF_EVERY_MODEL = { models: ['*'], blacklistedModels: [], aliases: {} }
const RETIRED = { models: [], blacklistedModels: [], aliases: {}, weight: 0, enabled: false, retired: true }

/**
 * What a document means in this process. A value stands once: a stored key goes before the environment's own, which
 * goes before a retired one. A key that cannot be opened is left out and told as a fault; the others go on.
 */
export function settingsOf(
  provider: ProviderName,
  document: ProviderDocument | undefined,
  sources: KeySources,
): { settings: ProviderSettings; faults: readonly KeyFault[] } {
  const entries = new Map<string, ProviderKeyEntry>()
  const faults: KeyFault[] = []
  const add = ({ value, ...entry }: Omit<ProviderKeyEntry, 'id'>) => {
    const id = value.fingerprint
    if (!entries.has(id)) entries.set(id, { id, value, ...entry })
  }
  const opened = (stored: { name: string; value: string; fingerprint?: string | undefined }, keyId: string) => {
    const found = openValue(provider, keyId, stored, sources)
    if ('value' in found) return found.value
    faults.push({ provider, name: stored.name, ...found })
    return undefined
  }

  for (const { id, name, models, blacklistedModels, aliases, weight, enabled, ...stored } of document?.keys ?? []) {
    const value = opened({ ...stored, name }, id)
    const rules = { models, blacklistedModels, aliases, weight, enabled }
    if (value) add({ name, value, source: 'stored', retired: false, ...rules })
  }
  for (const { name, value, weight } of sources.environment[provider]) {
    add({ name, value, source: 'environment', retired: false, weight, enabled: true, ...OF_EVERY_MODEL })
  }
  for (const stored of document?.retired ?? []) {
    const value = opened(stored, stored.keyId)
    if (value) add({ name: stored.name, value, source: 'stored', ...RETIRED })
  }
  const { baseUrl, timeouts = {}, concurrency, limits = {} } = document?.settings ?? {}
  const settings: ProviderSettings = {
    provider,
    ...(baseUrl !== undefined && { baseUrl }),
    timeouts,
    limits: { ...(concurrency !== undefined && { concurrency }), perModel: limits },
    keys: [...entries.values()],
  }
  return { settings, faults }
}

function openValue(
  provider: ProviderName,
  keyId: string,
  { value, fingerprint }: { value: string; fingerprint?: string | undefined },
  { envelope, references }: KeySources,
): { value: Secret } | Pick<KeyFault, 'reason' | 'detail'> {
  if (isReference(value)) {
    const found = references.resolve(value)
    return found.kind === 'value' ? found : { reason: `variable_${found.kind}`, detail: found.reason }
  }
  try {
    if (envelope === undefined) return { reason: 'encryption_key_missing', detail: kidOf(value) }
    const secret = envelope.open(value, { owner: provider, id: keyId, field: VALUE_FIELD })
    // An older value of the same key would open, too.
    if (secret.fingerprint === fingerprint) return { value: secret }
    return { reason: 'damaged', detail: 'it holds another value than the one recorded' }
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    if (error.code === 'unknown_kid') return { reason: 'encryption_key_missing', detail: error.kid ?? '' }
    return { reason: 'damaged', detail: error.message }
  }
}
