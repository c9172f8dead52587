import { ApiKeyId, Limits, ProviderName, Scope, TeamId } from '@genqueue/contract'
import { z } from 'zod'

/** What a key or a team may be used for; what is absent is not restricted. */
export const Allowed = z.object({
  models: z.array(z.string()).optional(),
  providers: z.array(ProviderName).optional(),
  callbackHosts: z.array(z.string()).optional(),
})
export type Allowed = z.infer<typeof Allowed>

/** An API key as it is stored: all but the key itself. */
export const ApiKeyRecord = z.object({
  id: ApiKeyId,
  team: TeamId,
  name: z.string(),
  scopes: z.array(Scope),
  allowed: Allowed,
  limits: Limits,
  /** SHA-256 of what opens, the current one first; those before it until their overlap ends. */
  secrets: z.array(z.object({ hash: z.string(), untilMs: z.number().optional() })).min(1),
  hint: z.string(),
  expiresAtMs: z.number().optional(),
  createdAtMs: z.number(),
  createdBy: z.string(),
})
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>

/** What an administrator decides about a key. */
export type ApiKeySettings = Pick<ApiKeyRecord, 'name' | 'scopes' | 'allowed' | 'limits' | 'expiresAtMs'>
