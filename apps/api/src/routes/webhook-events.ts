import { WEBHOOK_SUBSCRIPTIONS, WebhookEventTypeList, WebhookPublicKeyList } from '@genqueue/contract'
import type { AppDeps } from '../app-deps.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

/** What endpoints and jobs can ask to be told, and what anybody may verify it with. */
export function webhookEventRoutes({ config }: Pick<AppDeps, 'config'>): Route[] {
  const publicKeys: WebhookPublicKeyList = {
    object: 'list',
    data: config.webhookPublicKeys.map(({ publicKey, keyId }) => ({
      object: 'webhook_public_key',
      algorithm: 'ed25519',
      public_key: publicKey,
      key_id: keyId,
    })),
  }
  return [
    {
      method: 'GET',
      path: '/v1/webhook_event_types',
      summary: 'List what a webhook endpoint can be told',
      tag: 'Webhooks',
      errors: 'openai',
      scope: 'webhooks:manage',
      answers: { 200: { description: 'Event types and the names for several of them', schema: WebhookEventTypeList } },
      handle: () => json(200, { object: 'list', data: [...WEBHOOK_SUBSCRIPTIONS] } satisfies WebhookEventTypeList),
    },
    {
      method: 'GET',
      path: '/v1/webhook_public_keys',
      summary: 'List the public keys that webhooks can be verified with',
      tag: 'Webhooks',
      errors: 'openai',
      isPublic: true,
      answers: { 200: { description: 'The current one first; none where none is set', schema: WebhookPublicKeyList } },
      handle: () => json(200, publicKeys),
    },
  ]
}
