import { z } from 'zod'
import { ProviderName } from './job.ts'
import { Limits } from './limits.ts'
import { Scope } from './scope.ts'
import { Allowances, DisplayName, TeamId } from './team.ts'

export const ApiKeyId = z
  .string()
  .regex(/^key_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be an id: key_ and 26 digits and capital letters')

const MAX_SECONDS = 315_360_000
const DAY_SECONDS = 86_400

const Scopes = z.array(Scope).min(1).max(Scope.options.length).meta({ description: 'What the key may do' })

const CallbackHosts = z
  .array(
    z
      .string()
      .max(253)
      .regex(
        /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/,
        'must be a host such as hooks.example.com or *.example.com, in small letters and without a port',
      ),
  )
  .min(1)
  .max(100)
  .meta({ description: 'Hosts that webhooks may go to: exact, or `*.example.com` for all below; any unless given' })

const ExpiresAt = z.int().min(0).max(100_000_000_000).meta({ description: 'Unix seconds; never unless given' })

export const CreateApiKeyRequest = Allowances.extend({
  team: TeamId.optional().meta({ description: "The caller's unless given" }),
  name: DisplayName,
  scopes: Scopes.optional().meta({ description: 'jobs:create, jobs:read and jobs:cancel unless given' }),
  callback_hosts: CallbackHosts.optional(),
  limits: Limits.optional(),
  expires_at: ExpiresAt.optional(),
}).strict()
export type CreateApiKeyRequest = z.infer<typeof CreateApiKeyRequest>

/** What is not named stays; null takes a restriction away. */
export const PatchApiKeyRequest = z.strictObject({
  name: DisplayName.optional(),
  scopes: Scopes.optional(),
  models: Allowances.shape.models.unwrap().nullable().optional(),
  providers: Allowances.shape.providers.unwrap().nullable().optional(),
  callback_hosts: CallbackHosts.nullable().optional(),
  limits: Limits.nullable().optional(),
  expires_at: ExpiresAt.nullable().optional(),
})
export type PatchApiKeyRequest = z.infer<typeof PatchApiKeyRequest>

export const RotateApiKeyRequest = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(MAX_SECONDS)
    .default(DAY_SECONDS)
    .meta({ description: 'How long what was given out before still works' }),
})
export type RotateApiKeyRequest = z.infer<typeof RotateApiKeyRequest>

export const ApiKey = z.object({
  id: ApiKeyId,
  object: z.literal('api_key'),
  team: TeamId,
  name: z.string(),
  hint: z.string().meta({ description: 'The last four characters' }),
  scopes: z.array(Scope),
  models: z.array(z.string()).nullable(),
  providers: z.array(ProviderName).nullable(),
  callback_hosts: z.array(z.string()).nullable(),
  limits: Limits,
  expires_at: z.int().nullable(),
  created_at: z.int(),
  created_by: z.string(),
  last_used_at: z.int().nullable().meta({ description: 'To the minute' }),
  previous_valid_until: z.int().nullable().meta({ description: 'While the overlap of a rotation lasts' }),
})
export type ApiKey = z.infer<typeof ApiKey>

/** The only answer that holds the key itself. */
export const NewApiKey = ApiKey.extend({ key: z.string().meta({ description: 'Shown here and never again' }) })
export type NewApiKey = z.infer<typeof NewApiKey>

export const ApiKeyList = z.object({
  object: z.literal('list'),
  data: z.array(ApiKey),
  has_more: z.boolean(),
  last_id: ApiKeyId.nullable(),
})
export type ApiKeyList = z.infer<typeof ApiKeyList>

export const DeletedApiKey = z.object({ id: ApiKeyId, object: z.literal('api_key'), deleted: z.literal(true) })
export type DeletedApiKey = z.infer<typeof DeletedApiKey>
