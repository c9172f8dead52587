import { WEBHOOK_SUBSCRIPTIONS, WebhookEventTypeList } from '@genqueue/contract'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

/** What endpoints and jobs can ask to be told. */
export function webhookEventRoutes(): Route[] {
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
  ]
}
