import { z } from 'zod'
import { JobResource } from './native-job.ts'
import { WebhookEventType } from './webhook-subscription.ts'

/** The body of a webhook: rendered once when there is something to tell, the same bytes on every attempt. */
export const WebhookEvent = z.object({
  id: z.string().meta({ description: 'evt_ and the ULID of the job; for progress followed by `_p` and the sequence' }),
  object: z.literal('event'),
  type: WebhookEventType,
  sequence: z.int().meta({ description: 'Rises with the events of a job; that of its end is the highest' }),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  timestamp: z.iso.datetime(),
  data: JobResource,
})
export type WebhookEvent = z.infer<typeof WebhookEvent>
