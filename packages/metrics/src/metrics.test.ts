import { expect, test } from 'vitest'
import { isBearer } from './bearer.ts'
import { countEnded } from './count-ended.ts'
import { METRICS } from './metric-table.ts'
import { createMetrics } from './metrics.ts'
import { watchRedis } from './watch-redis.ts'

const seriesValue = (text: string, series: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.split(' ')[1]

test('what was counted is told as Prometheus reads it, with the facts of Node', async () => {
  const metrics = createMetrics('worker')
  metrics.count('copy_bytes_total', {}, 7_000)
  metrics.count('polls_total', { provider: 'runway', outcome: 'waiting' })
  metrics.observe('poll_lag_seconds', { provider: 'runway' }, 0.02)
  metrics.set('jobs_in_state', { state: 'queued' }, 3)
  const { contentType, text } = await metrics.render()
  expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(seriesValue(text, 'genqueue_copy_bytes_total')).toBe('7000')
  expect(seriesValue(text, 'genqueue_polls_total{provider="runway",outcome="waiting"}')).toBe('1')
  expect(seriesValue(text, 'genqueue_poll_lag_seconds_bucket{le="0.025",provider="runway"}')).toBe('1')
  expect(seriesValue(text, 'genqueue_jobs_in_state{state="queued"}')).toBe('3')
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m)
  expect(text).toMatch(/^nodejs_heap_size_used_bytes \d/m)
  metrics.set('webhook_pending', {}, 1)
  metrics.clear('jobs_in_state', 'webhook_pending')
  const cleared = (await metrics.render()).text
  expect(cleared).not.toMatch(/^genqueue_(jobs_in_state|webhook_pending|webhook_oldest_due_seconds)[{ ]/m)
  // An alert on the first event sees the step from nothing.
  expect(seriesValue(cleared, 'genqueue_webhook_endpoints_disabled_total{reason="gone"}')).toBe('0')
})

test('each program tells its own metrics, and all that both have', async () => {
  const told = async (of: 'api' | 'worker') =>
    [...(await createMetrics(of).render()).text.matchAll(/^# TYPE genqueue_(\w+)/gm)].map(([, name]) => name).sort()
  const ours = (of: 'api' | 'worker') =>
    Object.entries(METRICS).flatMap(([name, metric]) => (metric.of === of || metric.of === 'both' ? [name] : []))
  expect(await told('api')).toEqual(ours('api').sort())
  expect(await told('worker')).toEqual(ours('worker').sort())
})

test('no label can hold what there are many of, and names say their unit', () => {
  for (const [name, { type, labels }] of Object.entries(METRICS)) {
    expect(labels.filter((label) => /id$|url|^key$|team/.test(label))).toEqual([])
    if (type === 'counter') expect(name).toMatch(/_total$/)
    if (type === 'histogram') expect(name).toMatch(/_seconds$/)
  }
})

test('a job that succeeded is counted with its phases, another one without', async () => {
  const metrics = createMetrics('worker')
  const times = { queued: 1_000, submitting: 3_000, submitted: 3_500, generated: 63_500, succeeded: 65_500 }
  const job = { provider: 'runway', kind: 'video', times, request: { notBeforeMs: 2_000 } }
  countEnded(metrics, { ...job, status: 'succeeded' })
  countEnded(metrics, { ...job, status: 'failed', times: { queued: 0, failed: 9_000 }, error: { code: 'moderation' } })
  const { text } = await metrics.render()
  const sum = (phase: string) =>
    seriesValue(text, `genqueue_job_duration_seconds_sum{provider="runway",kind="video",phase="${phase}"}`)
  expect(['queue', 'submit', 'upstream', 'copy', 'total'].map(sum)).toEqual(['1', '0.5', '60', '2', '70.5'])
  const ended = (status: string, reason: string) =>
    seriesValue(text, `genqueue_jobs_terminal_total{provider="runway",status="${status}",reason="${reason}"}`)
  expect([ended('succeeded', 'none'), ended('failed', 'moderation')]).toEqual(['1', '1'])
})

test('a scrape says whether Redis answers, and never waits for one that does not', async () => {
  const metrics = createMetrics('api')
  let lost = () => {}
  const redis = {
    status: 'ready',
    ping: async () => 'PONG',
    on: (_: string, listener: () => void) => {
      lost = listener
    },
  }
  watchRedis(metrics, redis)
  expect(seriesValue((await metrics.render()).text, 'genqueue_redis_up')).toBe('1')
  lost()
  redis.status = 'reconnecting'
  redis.ping = () => new Promise(() => {})
  const { text } = await metrics.render()
  expect(seriesValue(text, 'genqueue_redis_up')).toBe('0')
  expect(seriesValue(text, 'genqueue_redis_reconnects_total')).toBe('1')
})

test('a token is wanted whole', () => {
  expect(isBearer('Bearer abcdefghijklmnop', 'abcdefghijklmnop')).toBe(true)
  for (const header of [undefined, null, '', 'Bearer ', 'Bearer abcdefghijklmno', 'abcdefghijklmnop']) {
    expect(isBearer(header, 'abcdefghijklmnop')).toBe(false)
  }
})
