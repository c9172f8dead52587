import type { ProviderKeyResource, ProviderName, ProviderResource } from '@genqueue/contract'
import { isReference } from './key-references.ts'
import type { KeyUsers } from './key-users.ts'
import { maskedValue } from './masked-value.ts'
import type { ProviderDocument, RetiredValue, StoredKey } from './provider-document.ts'
import type { KeySources } from './settings-of.ts'

type Environment = KeySources['environment'][ProviderName][number]
type RetiredResource = ProviderResource['retired'][number]

const ENVIRONMENT_ID = 'env_'

export function isEnvironmentId(id: string): boolean {
  return id.startsWith(ENVIRONMENT_ID)
}

/** A provider as it is shown. Nothing is decrypted for it. */
export async function providerResource(
  provider: ProviderName,
  document: ProviderDocument | undefined,
  { sources, users }: { sources: KeySources; users: KeyUsers },
): Promise<ProviderResource> {
  const { baseUrl, timeouts, concurrency, limits = {}, createdAtMs, updatedAtMs } = document?.settings ?? {}
  const perModel = Object.entries(limits).map(([model, limit]) => {
    return [model, { concurrency: limit.concurrency ?? null, per_day: limit.perDay ?? null }]
  })
  return {
    object: 'provider',
    provider,
    base_url: baseUrl ?? null,
    timeouts: { submit_seconds: seconds(timeouts?.submitMs), poll_seconds: seconds(timeouts?.pollMs) },
    concurrency: concurrency ?? null,
    limits: Object.fromEntries(perModel),
    keys: keyResources(provider, document, sources),
    retired: await retiredResources(document?.retired ?? [], { sources, users }),
    revision: document?.settings ? document.revision : null,
    created_at: iso(createdAtMs),
    updated_at: iso(updatedAtMs),
  }
}

/** Stored keys, then those of the environment that none of them stands for. */
export function keyResources(
  provider: ProviderName,
  document: ProviderDocument | undefined,
  sources: KeySources,
): ProviderKeyResource[] {
  const stored = (document?.keys ?? []).map((key) => storedKeyResource(key, sources))
  const known = new Set(stored.map(({ fingerprint }) => fingerprint))
  const others = sources.environment[provider].map(environmentKeyResource)
  return [...stored, ...others.filter(({ fingerprint }) => !known.has(fingerprint))]
}

export function storedKeyResource(key: StoredKey, sources: KeySources): ProviderKeyResource {
  const { id, name, models, blacklistedModels, aliases, weight, enabled, createdAtMs, updatedAtMs } = key
  const { fingerprint, warning } = knownOf(key, sources)
  return {
    id,
    object: 'provider_key',
    name,
    value: key.masked ?? key.value,
    source: 'stored',
    fingerprint: fingerprint ?? null,
    models,
    blacklisted_models: blacklistedModels,
    aliases,
    weight,
    enabled,
    created_at: iso(createdAtMs),
    updated_at: iso(updatedAtMs),
    warning: warning ?? null,
  }
}

export function environmentKeyResource({ name, value, weight }: Environment): ProviderKeyResource {
  return {
    id: `${ENVIRONMENT_ID}${value.fingerprint}`,
    object: 'provider_key',
    name,
    value: maskedValue(value),
    source: 'environment',
    fingerprint: value.fingerprint,
    models: ['*'],
    blacklisted_models: [],
    aliases: {},
    weight,
    enabled: true,
    created_at: null,
    updated_at: null,
    warning: null,
  }
}

export function retiredResources(
  values: readonly RetiredValue[],
  { sources, users }: { sources: KeySources; users: KeyUsers },
): Promise<RetiredResource[]> {
  return Promise.all(
    values.map(async (value) => {
      const { fingerprint } = knownOf(value, sources)
      return {
        key_id: value.keyId,
        name: value.name,
        fingerprint: fingerprint ?? null,
        retired_at: new Date(value.retiredAtMs).toISOString(),
        jobs: fingerprint === undefined ? { count: 0, ids: [] } : await users.some(fingerprint),
      }
    }),
  )
}

/** The fingerprint as far as this process knows it, and what keeps it from using the key. */
export function knownOf(
  { value, fingerprint }: { value: string; fingerprint?: string | undefined },
  { references }: KeySources,
): { fingerprint: string | undefined; warning?: string } {
  if (!isReference(value)) return { fingerprint }
  const found = references.resolve(value)
  if (found.kind === 'value') return { fingerprint: found.value.fingerprint }
  const warning = `${found.reason} in the environment of the API; a process where that is so cannot use this key`
  return { fingerprint, warning }
}

function seconds(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : durationMs / 1000
}

function iso(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString()
}
