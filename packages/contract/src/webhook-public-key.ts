import { z } from 'zod'

/** `GET /v1/webhook_public_keys`: what the `v1a` signatures of webhooks are verified with, the current one first. */
export const WebhookPublicKeyList = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('webhook_public_key'),
      algorithm: z.literal('ed25519'),
      public_key: z.string().meta({ description: '`whpk_` and base64 of 32 bytes' }),
      key_id: z.string().meta({ description: 'Names the key for people; no signature carries it' }),
    }),
  ),
})
export type WebhookPublicKeyList = z.infer<typeof WebhookPublicKeyList>
