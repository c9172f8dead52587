import { expect, test } from 'vitest'
import {
  subscribedTypes,
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_SUBSCRIPTIONS,
  WebhookSubscriptions,
} from './webhook-subscription.ts'

test.each([
  [['*'], WEBHOOK_EVENT_TYPES],
  [['job.*'], WEBHOOK_EVENT_TYPES],
  [['video.*'], ['video.completed', 'video.failed', 'video.canceled']],
  [
    ['job.failed', 'video.*', 'video.failed'],
    [
      'video.failed',
      'image.failed',
      'audio.failed',
      'text.failed',
      'model3d.failed',
      'video.completed',
      'video.canceled',
    ],
  ],
  [
    ['video.progress', 'video.*'],
    ['video.progress', 'video.completed', 'video.failed', 'video.canceled'],
  ],
  [['job.progress'], ['video.progress', 'image.progress', 'audio.progress', 'text.progress', 'model3d.progress']],
])('%j covers these types, each once', (subscriptions, types) => {
  expect(subscribedTypes(subscriptions)).toEqual(types)
})

test('every event type and every name for several may be subscribed to, and nothing else', () => {
  expect(WEBHOOK_SUBSCRIPTIONS).toEqual(expect.arrayContaining([...WEBHOOK_EVENT_TYPES]))
  expect(WebhookSubscriptions.parse(WEBHOOK_SUBSCRIPTIONS)).toHaveLength(WEBHOOK_SUBSCRIPTIONS.length)
  for (const bad of ['video', 'video.', '*.failed', 'job.running', 'batch.completed', 'constructor', '']) {
    expect(WebhookSubscriptions.safeParse([bad]).success, bad).toBe(false)
  }
})
