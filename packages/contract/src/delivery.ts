import { z } from 'zod'
import { WebhookEndpointId } from './webhook-endpoint.ts'

const Iso = z.iso.datetime()

export const DeliveryState = z.enum(['pending', 'delivered', 'exhausted', 'gone', 'blocked', 'held'])

/** One call of the receiver. */
export const AttemptResource = z.object({
  at: Iso,
  duration_ms: z.number(),
  status_code: z.int().nullable(),
  error: z.string().nullable().meta({
    description: 'Why there was no answer: `timeout`, `dns`, `connect`, `tls` …; `url_gone`: why none was asked for',
  }),
  answer: z.string().nullable().meta({ description: 'The first KB of what the receiver answered, as text' }),
  next_attempt_at: Iso.nullable(),
})
export type AttemptResource = z.infer<typeof AttemptResource>

/** Telling one receiver about one event. */
export const DeliveryResource = z.object({
  id: z.string().meta({ description: 'The webhook-id of every attempt' }),
  object: z.literal('delivery'),
  job_id: z.string(),
  webhook_endpoint_id: z.string().nullable().meta({ description: "Null for a job's own webhook_url" }),
  url: z.string().nullable().meta({ description: "Null for an endpoint's: its address at that time is called" }),
  event_type: z.string(),
  status: DeliveryState,
  attempts: z.int(),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  ended_at: z.int().nullable(),
  next_attempt_at: Iso.nullable(),
  last_attempt: AttemptResource.nullable(),
})
export type DeliveryResource = z.infer<typeof DeliveryResource>

export const DeliveryDetail = DeliveryResource.extend({
  log: z.array(AttemptResource).meta({ description: 'The last twenty attempts, oldest first' }),
})
export type DeliveryDetail = z.infer<typeof DeliveryDetail>

export const DeliveryList = z.object({
  object: z.literal('list'),
  data: z.array(DeliveryResource),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type DeliveryList = z.infer<typeof DeliveryList>

/** `POST /v1/redeliveries`. */
export const RedeliverRequest = z.strictObject({
  since: z.int().min(0).max(100_000_000_000).meta({ description: 'Unix seconds; those of events since then' }),
  endpoint_id: WebhookEndpointId.optional().meta({ description: 'Only those for this webhook endpoint' }),
  status: DeliveryState.exclude(['pending', 'delivered'])
    .optional()
    .meta({ description: 'Only those in this state; all that nobody took unless given' }),
})
export type RedeliverRequest = z.infer<typeof RedeliverRequest>

export const RedeliverReport = z.object({
  object: z.literal('redelivery'),
  redelivered: z.int(),
  has_more: z.boolean(),
  next_since: z.int().nullable().meta({ description: 'With has_more: `since` of the next request' }),
})
export type RedeliverReport = z.infer<typeof RedeliverReport>
