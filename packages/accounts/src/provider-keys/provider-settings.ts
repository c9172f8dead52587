import type { ProviderName, Secret } from '@genqueue/contract'

/** A provider key as a worker uses it. `id` is the fingerprint of its value: what a job is pinned to. */
export type ProviderKeyEntry = {
  id: string
  name: string
  value: Secret
  source: 'environment' | 'stored'
  /** `['*']` for all, otherwise exactly these. */
  models: readonly string[]
  blacklistedModels: readonly string[]
  /** Model as asked for → model as sent to the vendor. */
  aliases: Readonly<Record<string, string>>
  weight: number
  enabled: boolean
  /** Replaced or deleted: only for jobs that were submitted with it. */
  retired: boolean
}

export type ModelLimit = { concurrency?: number | undefined; perDay?: number | undefined }

/** What holds for one vendor now: the operator's settings and every key, stored ones before those of the environment. */
export type ProviderSettings = {
  provider: ProviderName
  baseUrl?: string
  timeouts: { submitMs?: number | undefined; pollMs?: number | undefined }
  /** What the operator says instead of the vendor's own limits; for each key. */
  limits: { concurrency?: number; perModel: Readonly<Record<string, ModelLimit>> }
  keys: readonly ProviderKeyEntry[]
}

/** A key that cannot be used in this process, and why; `detail` names the key id of the encryption or the variable. */
export type KeyFault = {
  provider: ProviderName
  name: string
  reason: 'encryption_key_missing' | 'damaged' | 'variable_refused' | 'variable_unset' | 'variable_unusable'
  detail: string
}

/** Keys that come from this process's own environment, in its order. */
export type EnvironmentKeys = Readonly<Record<ProviderName, readonly { name: string; value: Secret; weight: number }[]>>
