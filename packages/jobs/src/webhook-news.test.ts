import { jobError, type Output, WebhookEvent } from '@genqueue/contract'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JobRecord } from './record.ts'
import { webhookNews } from './webhook-news.ts'

const ID = 'job_01M7WRZ333JMCV1TN8EHPRWA7E'
const text = (maxLength: number) => fc.string({ maxLength, unit: fc.constantFrom('a', 'ü', '火', '"', '\u0001', '🙂') })

const outputOf = (index: number): Output => ({
  index,
  key: `k/${index}`,
  bytes: 10,
  sha256: 'a'.repeat(64),
  contentType: 'image/png',
})

function ended(parts: Partial<Extract<JobRecord, { status: 'failed' }>> & { webhookEvents?: string[] }): JobRecord {
  const { webhookEvents, request, ...rest } = parts
  return {
    id: ID,
    team: 'default',
    lane: '*',
    provider: 'runway',
    operation: 'text_to_video',
    kind: 'video',
    door: 'jobs',
    request: {
      body: {},
      display: {},
      metadata: {},
      webhookUrl: 'https://hooks.team.example:8443/in?job=1',
      ...(webhookEvents && { webhookEvents }),
      onSubmissionUnknown: 'fail',
      deadlines: { queueMs: 1, throttledMs: 1, runningMs: 1 },
      retentionMs: 1,
      inputs: [],
      ...request,
    },
    clientRef: 'x',
    fence: 1,
    submits: 1,
    unknownSubmits: 0,
    times: { queued: 1, failed: 2 },
    status: 'failed',
    error: jobError('moderation'),
    outputs: [],
    ...rest,
  }
}

test('a body is an event of at most 20 KB, whatever the vendor and the caller wrote into the job', () => {
  const metadata = fc.dictionary(
    text(32).map((key) => `k${key}`),
    text(512),
    { maxKeys: 16 },
  )
  const parts = fc.record({ metadata, model: text(9_000), words: text(500), taskId: text(9_000), count: fc.nat(200) })
  fc.assert(
    fc.property(parts, ({ metadata, model, words, taskId, count }) => {
      const outputs = Array.from({ length: count }, (_, index) => outputOf(index))
      const error = jobError('moderation', { code: words, message: words })
      const job = ended({ model, taskId, upstreamStatus: model, error, outputs })
      const [, type, body = ''] = webhookNews({ ...job, request: { ...job.request, metadata } }, 'https://q.example', 3)
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000)
      expect(WebhookEvent.parse(JSON.parse(body))).toMatchObject({ type, data: { id: ID, status: 'failed' } })
    }),
    { numRuns: 50 },
  )
})

test('of what does not fit, the metadata that callers know their jobs by goes last', () => {
  const metadata = { order: '42' }
  const parts = { model: 'm'.repeat(9_000), taskId: 't'.repeat(9_000), upstreamStatus: 'u'.repeat(9_000) }
  const outputs = Array.from({ length: 200 }, (_, index) => outputOf(index))
  const dataOf = (job: JobRecord) => {
    const [, , body = ''] = webhookNews({ ...job, request: { ...job.request, metadata } }, 'https://q.example', 3)
    return WebhookEvent.parse(JSON.parse(body)).data
  }
  const listed = dataOf(ended({ outputs }))
  expect([listed.metadata, listed.outputs.length]).toEqual([metadata, 20])
  expect(dataOf(ended(parts))).toMatchObject({ metadata, model: null, task_id: null })
})

test('the job’s own URL waits with those of its team to its host, and is told the events it wants', () => {
  const urlOf = (webhookEvents?: string[]) => webhookNews(ended({ ...(webhookEvents && { webhookEvents }) }), '', 3)[3]
  expect(webhookNews(ended({}), '', 3)[4]).toBe('host:default:hooks.team.example:8443')
  for (const wanted of [undefined, [], ['*'], ['video.completed', 'video.failed']]) expect(urlOf(wanted)).not.toBe('')
  expect(urlOf(['video.completed'])).toBe('')
})
