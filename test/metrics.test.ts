import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

const TOKEN = 'scraper-token-0123456789'
let house: House
beforeAll(async () => {
  house = await openHouse({ env: { ADMIN_PORT: '0', METRICS_TOKEN: TOKEN }, workers: 2 })
})
afterAll(() => house.close())

async function scrape(url: string, token: string | undefined = TOKEN): Promise<{ status: number; text: string }> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/metrics`, { headers })
  return { status: response.status, text: await response.text() }
}

/** The sum of a series over all processes that tell it; labels in any order. */
async function sumOf(name: string, labels: Record<string, string> = {}): Promise<number> {
  const urls = [house.api.adminUrl, ...house.workers.map(({ healthUrl }) => healthUrl)]
  const texts = await Promise.all(urls.map(async (url) => (await scrape(url)).text))
  const lines = texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => new RegExp(`^genqueue_${name}[{ ]`).test(line))
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const found = lines.filter((line) => wanted.every((label) => line.includes(label)))
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

test('metrics are told on the inner ports alone, and to who carries the token', async () => {
  const [worker] = house.workers
  for (const url of [house.api.adminUrl, worker?.healthUrl ?? '']) {
    expect((await scrape(url)).status).toBe(200)
    expect((await scrape(url, '')).status).toBe(401)
    expect((await scrape(url, 'gq_admin_0123456789abcdef0123456789')).status).toBe(401)
  }
  expect((await scrape(house.api.url)).status).toBe(404)
})

test('a job leaves its trace in the counters of every part it passes, and its id in none', async () => {
  const { id } = await house.post({ prompt: 'counted' })
  const failed = await house.post({ input: { model: 'caller-made-this-up', promptText: 'x', ratio: '1280:720' } })
  await Promise.all([house.ended(id), house.ended(failed.id)])
  await house.webhook(id)
  await house.webhook(failed.id)
  const runway = { provider: 'runway' }
  const counted = async () => ({
    accepted: await sumOf('jobs_accepted_total', { ...runway, model: 'gen4.5', kind: 'video' }),
    unlisted: await sumOf('jobs_accepted_total', { ...runway, model: 'other' }),
    succeeded: await sumOf('jobs_terminal_total', { ...runway, status: 'succeeded', reason: 'none' }),
    failed: await sumOf('jobs_terminal_total', { ...runway, status: 'failed' }),
    total: await sumOf('job_duration_seconds_count', { ...runway, kind: 'video', phase: 'total' }),
    upstream: await sumOf('job_duration_seconds_count', { ...runway, kind: 'video', phase: 'upstream' }),
    creates: await sumOf('upstream_requests_total', { ...runway, op: 'submit' }),
    copies: await sumOf('copy_duration_seconds_count', { outcome: 'copied' }),
    delivered: await sumOf('webhook_attempts_total', { outcome: 'delivered', code_class: '2xx' }),
    latency: await sumOf('webhook_delivery_latency_seconds_count'),
    posts: await sumOf('http_requests_total', { route: '/v1/jobs', method: 'POST', code: '202' }),
    created: await sumOf('idempotency_total', { result: 'created' }),
  })
  await expect.poll(counted).toEqual({
    accepted: 1,
    unlisted: 1,
    succeeded: 1,
    failed: 1,
    total: 2,
    upstream: 1,
    creates: 2,
    copies: 1,
    delivered: 2,
    latency: 2,
    posts: 2,
    created: 2,
  })
  expect(await sumOf('copy_bytes_total')).toBeGreaterThan(1_000)
  expect(await sumOf('polls_total', { ...runway, outcome: 'succeeded' })).toBe(1)
  expect(await sumOf('upstream_requests_total', { ...runway, op: 'poll', code: '200' })).toBeGreaterThan(0)
  expect(await sumOf('stage_runs_total', { queue: 'copy', outcome: 'done' })).toBeGreaterThan(0)
  expect(await sumOf('redis_up')).toBe(3)
  const { text } = await scrape(house.workers[0]?.healthUrl ?? '')
  expect(text).not.toMatch(/job_0|caller-made|127\.0\.0\.1|key_[a-z0-9]{20}/)
})

test('a create whose answer is lost is counted by what became of it, and a key that rests by why', async () => {
  const { runway } = house.simulator
  expect(await sumOf('submit_ambiguous_total', { provider: 'runway', resolution: 'failed' })).toBe(0)
  runway.fault('create.accept_then_drop', {}, { promptIncludes: 'lost' })
  const { id } = await house.post({ prompt: 'lost' })
  expect((await house.ended(id)).error).toMatchObject({ code: 'submission_unknown' })
  await expect.poll(() => sumOf('submit_ambiguous_total', { provider: 'runway', resolution: 'failed' })).toBe(1)
  expect(await sumOf('upstream_requests_total', { provider: 'runway', op: 'submit', code: 'unanswered' })).toBe(1)

  runway.fault('create.429_daily', { retryAfter: '5' }, { promptIncludes: 'held back' })
  const held = await house.post({ prompt: 'held back' })
  await house.ended(held.id)
  expect(await sumOf('upstream_requests_total', { provider: 'runway', op: 'submit', code: '429' })).toBe(1)
  expect(await sumOf('provider_key_rests_total', { provider: 'runway', reason: 'rate_limited' })).toBe(1)
})

test('an address that may not be called is counted where it was refused', async () => {
  const body = { provider: 'runway', operation: 'text_to_video', input: { model: 'gen4.5', promptText: 'x' } }
  expect((await house.call('POST', '/v1/jobs', { ...body, webhook_url: 'https://10.0.0.1/x' })).status).toBe(400)
  expect(await sumOf('ssrf_blocked_total', { stage: 'caller_url', reason: 'blocked' })).toBe(1)
})

test('what stands where is told by one of the workers, and provider keys by their names', async () => {
  await expect.poll(() => sumOf('jobs_in_state', { state: 'queued' })).toBe(0)
  const telling = await Promise.all(house.workers.map(async ({ healthUrl }) => (await scrape(healthUrl)).text))
  expect(telling.filter((text) => /^genqueue_jobs_in_state\{/m.test(text)).length).toBeLessThanOrEqual(1)
  await expect
    .poll(async () =>
      (await Promise.all(house.workers.map(({ healthUrl }) => scrape(healthUrl)))).map(({ text }) => text).join(),
    )
    .toMatch(/genqueue_provider_key_state\{provider="runway",key_name="RUNWAY_API_KEY"\} 0/)
})
