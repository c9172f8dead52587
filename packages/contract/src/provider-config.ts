import { z } from 'zod'
import { ProviderName } from './job.ts'

const ModelName = z.string().min(1).max(200)
/** Those that are stored, and those of the environment as they were shown. */
const MAX_LISTED_KEYS = 128
const MAX_MODELS = 500
const Timestamp = z.iso.datetime()
/** Shown in answers and taken back unread, so that what was read can be changed and sent again. */
const readOnly = () => z.unknown().optional().meta({ description: 'Ignored; as it was shown' })

const aliases = z.record(ModelName, ModelName)

/** A provider key as an administrator writes it. */
export const ProviderKeyInput = z.strictObject({
  id: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'Of a key that is there; without it, a key is known by its name' }),
  name: z
    .string()
    .refine((name) => /^[A-Za-z0-9][\w .:@-]{0,63}$/.test(name), {
      error: 'must be up to 64 letters, digits, spaces, _ . : @ and -, a letter or digit first',
    })
    .meta({ description: 'One of a kind within the provider' }),
  value: z
    .string()
    .min(1)
    .max(1024)
    .meta({ description: '`env.NAME`, or the key itself; the value as it was shown keeps the stored one' }),
  models: z
    .array(ModelName)
    .max(MAX_MODELS)
    .default(['*'])
    .refine((models) => models.length === 1 || !models.includes('*'), {
      error: 'must be ["*"] alone, for all models, or a list of models',
    })
    .meta({ description: '["*"] for all models, otherwise exactly these; [] for none' }),
  blacklisted_models: z.array(ModelName).max(MAX_MODELS).default([]).meta({ description: 'Go before `models`' }),
  aliases: aliases
    .default({})
    .refine((pairs) => Object.keys(pairs).length <= MAX_MODELS, { error: `must hold at most ${MAX_MODELS} models` })
    .meta({ description: 'Model as asked for → model as sent to the vendor' }),
  weight: z.number().min(0).max(1000).default(1).meta({ description: 'Share of the work; 0 takes no new jobs' }),
  enabled: z.boolean().default(true).meta({ description: 'A disabled key takes no new jobs and finishes what it has' }),
  object: readOnly(),
  source: readOnly(),
  fingerprint: readOnly(),
  created_at: readOnly(),
  updated_at: readOnly(),
  warning: readOnly(),
})
export type ProviderKeyInput = z.infer<typeof ProviderKeyInput>

const limit = z.int().min(0).max(1_000_000)
const ModelLimits = z.strictObject({ concurrency: limit.nullish(), per_day: limit.nullish() })
const MAX_SUBMIT_SECONDS = 600
const MAX_POLL_SECONDS = 60

const Settings = z.strictObject({
  base_url: z
    .string()
    .max(2048)
    .nullish()
    .meta({ description: 'Receives the keys; https unless EGRESS_ALLOW holds it' }),
  timeouts: z
    .strictObject({
      submit_seconds: z.number().min(1).max(MAX_SUBMIT_SECONDS).nullish().meta({ description: 'One create' }),
      poll_seconds: z.number().min(0.5).max(MAX_POLL_SECONDS).nullish().meta({ description: 'One look' }),
    })
    .nullish(),
  concurrency: limit
    .nullish()
    .meta({ description: 'Tasks at the vendor at once, for each key; instead of its own limit' }),
  limits: z
    .record(ModelName, ModelLimits)
    .nullish()
    .meta({ description: 'By model and for each key; instead of the limits that the vendor tells' }),
  keys: z.array(ProviderKeyInput).max(MAX_LISTED_KEYS).default([]),
  object: readOnly(),
  retired: readOnly(),
  created_at: readOnly(),
  updated_at: readOnly(),
})

/** `POST /api/providers`. */
export const CreateProviderRequest = Settings.extend({ provider: ProviderName, revision: readOnly() })
export type CreateProviderRequest = z.infer<typeof CreateProviderRequest>

/** `PUT /api/providers/{provider}`: the whole of it; a key that is not named is gone. */
export const ReplaceProviderRequest = Settings.extend({
  provider: ProviderName.optional(),
  keys: Settings.shape.keys
    .unwrap()
    .optional()
    .meta({ description: 'All of them; may be left out only while none is stored, so that none goes by oversight' }),
  revision: z
    .string()
    .nullish()
    .meta({ description: 'As it was read: refused when somebody else has changed the provider since' }),
})
export type ReplaceProviderRequest = z.infer<typeof ReplaceProviderRequest>

/** A provider key as it is shown: never its value. */
export const ProviderKeyResource = z.object({
  id: z.string(),
  object: z.literal('provider_key'),
  name: z.string(),
  value: z.string().meta({ description: '`env.NAME`, or the key with all but its ends starred' }),
  source: z.enum(['environment', 'stored']).meta({ description: 'A key of the environment is changed there' }),
  fingerprint: z.string().nullable().meta({ description: 'Names the value in logs and jobs; null: not known here' }),
  models: z.array(z.string()),
  blacklisted_models: z.array(z.string()),
  aliases: z.record(z.string(), z.string()),
  weight: z.number(),
  enabled: z.boolean(),
  created_at: Timestamp.nullable(),
  updated_at: Timestamp.nullable(),
  warning: z.string().nullable().meta({ description: 'Why this process could not use the key' }),
})
export type ProviderKeyResource = z.infer<typeof ProviderKeyResource>

export const ProviderKeyList = z.object({ object: z.literal('list'), data: z.array(ProviderKeyResource) })
export type ProviderKeyList = z.infer<typeof ProviderKeyList>

const JobsOfKey = z.object({
  count: z.int().meta({ description: 'Jobs at the vendor that were submitted with the value' }),
  ids: z.array(z.string()).meta({ description: 'At most 100 of them' }),
})

const RetiredResource = z.object({
  key_id: z.string(),
  name: z.string(),
  fingerprint: z.string().nullable(),
  retired_at: Timestamp,
  jobs: JobsOfKey,
})

export const ProviderResource = z.object({
  object: z.literal('provider'),
  provider: ProviderName,
  base_url: z.string().nullable(),
  timeouts: z.object({ submit_seconds: z.number().nullable(), poll_seconds: z.number().nullable() }),
  concurrency: z.int().nullable(),
  limits: z.record(z.string(), z.object({ concurrency: z.int().nullable(), per_day: z.int().nullable() })),
  keys: z.array(ProviderKeyResource),
  retired: z.array(RetiredResource).meta({ description: 'Values kept for the jobs that were submitted with them' }),
  revision: z.string().nullable(),
  created_at: Timestamp.nullable(),
  updated_at: Timestamp.nullable(),
})
export type ProviderResource = z.infer<typeof ProviderResource>

export const ProviderList = z.object({ object: z.literal('list'), data: z.array(ProviderResource) })
export type ProviderList = z.infer<typeof ProviderList>

/** What went takes no new jobs; `retired` says which values stay until their jobs have ended. */
export const DeletedProvider = z.object({
  object: z.literal('provider'),
  provider: ProviderName,
  deleted: z.literal(true),
  retired: z.array(RetiredResource),
})
export type DeletedProvider = z.infer<typeof DeletedProvider>

export const DeletedProviderKey = z.object({
  id: z.string(),
  object: z.literal('provider_key'),
  deleted: z.literal(true),
  retired: z.array(RetiredResource),
})
export type DeletedProviderKey = z.infer<typeof DeletedProviderKey>

/** `POST /api/encryption/rewrap`. */
export const RewrapReport = z.object({
  object: z.literal('rewrap'),
  current_kid: z.string(),
  rewrapped: z.int().meta({ description: 'Secrets that were moved to the current encryption key' }),
  failed: z.array(z.string()).meta({ description: 'Keys that could not be moved, by provider and name' }),
})
export type RewrapReport = z.infer<typeof RewrapReport>
