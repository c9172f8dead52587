import { ProviderName } from '@genqueue/contract'
import { z } from 'zod'

const Value = z.object({
  /** `env.NAME`, or a literal sealed by the envelope. */
  value: z.string(),
  /** Of a literal always; of a reference, of what it stood for when it was written, where that was known. */
  fingerprint: z.string().optional(),
  /** A literal as it is shown. */
  masked: z.string().optional(),
})

const StoredKey = Value.extend({
  id: z.string(),
  name: z.string(),
  models: z.array(z.string()),
  blacklistedModels: z.array(z.string()),
  aliases: z.record(z.string(), z.string()),
  weight: z.number(),
  enabled: z.boolean(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
})
export type StoredKey = z.infer<typeof StoredKey>

/** A value that takes no new work; dropped when no job uses it any more. */
const RetiredValue = Value.extend({ keyId: z.string(), name: z.string(), retiredAtMs: z.number() })
export type RetiredValue = z.infer<typeof RetiredValue>

const ProviderLimits = z.record(
  z.string(),
  z.object({ concurrency: z.number().optional(), perDay: z.number().optional() }),
)

/** A provider as it is stored. One that was deleted stays without `settings` while jobs run with its keys. */
export const ProviderDocument = z.object({
  provider: ProviderName,
  /** Changes with every change an administrator makes. */
  revision: z.string(),
  settings: z
    .object({
      baseUrl: z.string().optional(),
      timeouts: z.object({ submitMs: z.number().optional(), pollMs: z.number().optional() }),
      concurrency: z.number().optional(),
      limits: ProviderLimits,
      createdAtMs: z.number(),
      updatedAtMs: z.number(),
    })
    .optional(),
  keys: z.array(StoredKey),
  retired: z.array(RetiredValue),
})
export type ProviderDocument = z.infer<typeof ProviderDocument>
export type StoredSettings = NonNullable<ProviderDocument['settings']>
