import { z } from 'zod'
import { JobResource } from './native-job.ts'
import { WEBHOOK_EVENT_TYPES } from './webhook-subscription.ts'

/** The body of a webhook: rendered once when the job ends, the same bytes on every attempt. */
export const WebhookEvent = z.object({
  id: z.string().meta({ description: 'evt_ and the ULID of webhook-id' }),
  object: z.literal('event'),
  type: z.enum(WEBHOOK_EVENT_TYPES),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  timestamp: z.iso.datetime(),
  data: JobResource,
})
export type WebhookEvent = z.infer<typeof WebhookEvent>
