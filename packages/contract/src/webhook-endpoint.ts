import { z } from 'zod'
import { DisplayName } from './team.ts'
import { WebhookEventType, WebhookSubscriptions } from './webhook-subscription.ts'

export const WebhookEndpointId = z
  .string()
  .regex(/^we_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be an id: we_ and 26 digits and capital letters')

const Url = z.string().max(2048).meta({ description: 'https, of a public host' })
const Status = z.enum(['enabled', 'disabled'])

export const CreateWebhookEndpointRequest = z.strictObject({
  name: DisplayName,
  url: Url,
  event_types: WebhookSubscriptions,
})
export type CreateWebhookEndpointRequest = z.infer<typeof CreateWebhookEndpointRequest>

/** What is not named stays. */
export const UpdateWebhookEndpointRequest = z.strictObject({
  name: DisplayName.optional(),
  url: Url.optional(),
  event_types: WebhookSubscriptions.optional(),
  status: Status.optional().meta({ description: '`disabled`: events are kept for replay and nothing is sent' }),
})
export type UpdateWebhookEndpointRequest = z.infer<typeof UpdateWebhookEndpointRequest>

export const RotateWebhookSecretRequest = z.strictObject({
  keep_old_secret_active_for_24_hours: z
    .boolean()
    .default(false)
    .meta({ description: 'Deliveries carry signatures of both until then' }),
})
export type RotateWebhookSecretRequest = z.infer<typeof RotateWebhookSecretRequest>

export const TestWebhookEndpointRequest = z.strictObject({ event_type: WebhookEventType })
export type TestWebhookEndpointRequest = z.infer<typeof TestWebhookEndpointRequest>

/** The shape of the openai SDK, with what we know beyond it. */
export const WebhookEndpoint = z.object({
  id: WebhookEndpointId,
  object: z.literal('webhook_endpoint'),
  name: z.string(),
  url: z.string(),
  event_types: z.array(z.string()),
  status: Status,
  disabled_reason: z
    .enum(['gone', 'failing', 'requested'])
    .nullable()
    .meta({ description: '`gone`: it answered 410; `failing`: it took nothing for five days' }),
  signing_secret_hint: z.string().nullable().meta({ description: 'The last four characters' }),
  old_secret_expires_at: z.int().nullable().meta({ description: 'Unix seconds, while two secrets sign' }),
  created_at: z.int(),
  updated_at: z.int(),
})
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>

/** The answer to making one and to a new secret: the only ones that hold a secret. */
export const WebhookEndpointWithSecret = WebhookEndpoint.extend({
  signing_secret: z.string().meta({ description: 'Shown here and never again' }),
})
export type WebhookEndpointWithSecret = z.infer<typeof WebhookEndpointWithSecret>

export const WebhookEndpointList = z.object({
  object: z.literal('list'),
  data: z.array(WebhookEndpoint),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type WebhookEndpointList = z.infer<typeof WebhookEndpointList>

export const DeletedWebhookEndpoint = z.object({
  id: WebhookEndpointId,
  object: z.literal('webhook_endpoint.deleted'),
  deleted: z.literal(true),
})
export type DeletedWebhookEndpoint = z.infer<typeof DeletedWebhookEndpoint>

export const WebhookEndpointTest = z.object({
  object: z.literal('webhook_endpoint.test'),
  webhook_endpoint_id: WebhookEndpointId,
  event_type: z.string(),
  success: z.boolean().meta({ description: 'Whether the endpoint answered at all; status_code says how' }),
  status_code: z.int().nullable(),
  error: z.string().nullable().meta({ description: 'Why there was no answer: `timeout`, `connect`, `tls` …' }),
  delivery_id: z.string(),
})
export type WebhookEndpointTest = z.infer<typeof WebhookEndpointTest>

export const WebhookEventTypeList = z.object({ object: z.literal('list'), data: z.array(z.string()) })
export type WebhookEventTypeList = z.infer<typeof WebhookEventTypeList>
