import { z } from 'zod'
import { JobKind } from './job.ts'

export const WEBHOOK_EVENT_TYPES = [
  'video.completed',
  'video.failed',
  'video.canceled',
  'image.completed',
  'image.failed',
  'image.canceled',
  'audio.completed',
  'audio.failed',
  'audio.canceled',
  'text.completed',
  'text.failed',
  'text.canceled',
  'model3d.completed',
  'model3d.failed',
  'model3d.canceled',
] as const

/** Told only to those who name them: neither `*` nor `video.*` stands for them. */
const PROGRESS_TYPES = JobKind.options.map((kind) => `${kind}.progress` as const)

/** The type of any event. */
export const WebhookEventType = z.enum([...WEBHOOK_EVENT_TYPES, ...PROGRESS_TYPES])
type WebhookEventType = z.infer<typeof WebhookEventType>

const ENDS = ['completed', 'failed', 'canceled'] as const

/** What an endpoint or a job may ask to be told: a type, all ends of a kind, one end of every kind, or every end. */
const SUBSCRIPTIONS: ReadonlyMap<string, readonly WebhookEventType[]> = new Map<string, readonly WebhookEventType[]>([
  ...WEBHOOK_EVENT_TYPES.map((type) => [type, [type]] as const),
  ...JobKind.options.map((kind) => [`${kind}.*`, typesWith((type) => type.startsWith(`${kind}.`))] as const),
  ...ENDS.map((end) => [`job.${end}`, typesWith((type) => type.endsWith(`.${end}`))] as const),
  ...PROGRESS_TYPES.map((type) => [type, [type]] as const),
  ['job.progress', PROGRESS_TYPES],
  ['job.*', WEBHOOK_EVENT_TYPES],
  ['*', WEBHOOK_EVENT_TYPES],
])

/** Every name that may stand in `event_types` and `webhook_events`. */
export const WEBHOOK_SUBSCRIPTIONS: readonly string[] = [...SUBSCRIPTIONS.keys()]

export const WebhookSubscriptions = z.array(z.enum(WEBHOOK_SUBSCRIPTIONS)).min(1).max(50).meta({
  description:
    '`video.completed`, `video.*`, `job.failed` for that end of every kind, `*` for all ends; `job.progress`',
})

/** The event types that these subscriptions cover. */
export function subscribedTypes(subscriptions: readonly string[]): WebhookEventType[] {
  return [...new Set(subscriptions.flatMap((name) => SUBSCRIPTIONS.get(name) ?? []))]
}

function typesWith(has: (type: string) => boolean): WebhookEventType[] {
  return WEBHOOK_EVENT_TYPES.filter(has)
}
