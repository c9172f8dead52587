import { randomBytes } from 'node:crypto'
import { verifyWebhook, WebhookEndpointWithSecret, WebhookEvent } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

let house: House
beforeAll(async () => {
  house = await openHouse({ env: { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` } })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

async function register(path: string, event_types: string[]): Promise<string> {
  const body = { name: path, url: house.simulator.receiver.url + path, event_types }
  const made = await house.call('POST', '/v1/webhook_endpoints', body)
  return WebhookEndpointWithSecret.parse(await made.json()).signing_secret
}

/** What came to a path about a job, in the order of its sequence. */
function eventsAt(path: string, jobId: string, secret: string): WebhookEvent[] {
  const events = house.simulator.receiver.deliveries(path).map(({ headers, body, receivedAtMs }) => {
    const given = new Headers(Object.entries(headers).map(([name, value]) => [name, String(value)]))
    verifyWebhook({ headers: given, body, secret, nowMs: receivedAtMs })
    return WebhookEvent.parse(JSON.parse(body.toString()))
  })
  return events.filter(({ data }) => data.id === jobId).toSorted((a, b) => a.sequence - b.sequence)
}

test('who asks for progress by name is told on the way, in rising sequence; nobody else is', async () => {
  const { receiver, runway } = house.simulator
  // A fault is for one task.
  for (const promptIncludes of ['stuck one', 'stuck two'])
    runway.fault('poll.stuck', { progress: 0.5 }, { promptIncludes })
  const asking = await register('/asking', ['job.progress', 'job.canceled'])
  const all = await register('/all', ['*'])
  const webhook_events = ['video.progress', 'video.canceled']
  const { id } = await house.post({ prompt: 'stuck one', webhook_url: `${receiver.url}/own`, webhook_events })
  const quiet = await house.post({ prompt: 'stuck two', webhook_url: `${receiver.url}/quiet` })
  const sides = [
    { path: '/asking', jobId: id, secret: asking },
    { path: '/own', jobId: id, secret: house.secret },
    { path: '/asking', jobId: quiet.id, secret: asking },
  ]
  const seen = () => sides.map(({ path, jobId, secret }) => eventsAt(path, jobId, secret))
  await expect.poll(() => Math.min(...seen().map((events) => events.length)), { timeout: 10_000 }).toBeGreaterThan(0)
  for (const jobId of [id, quiet.id]) await house.call('POST', `/v1/jobs/${jobId}/cancel`)
  await expect
    .poll(() => seen().map((events) => events.at(-1)?.type), { timeout: 10_000 })
    .toEqual(sides.map(() => 'video.canceled'))
  for (const events of seen()) {
    const progress = events.slice(0, -1)
    expect(progress.length).toBeGreaterThan(0)
    expect(new Set(events.map(({ sequence }) => sequence)).size).toBe(events.length)
    for (const { type, data } of progress) expect([type, data.status]).toEqual(['video.progress', 'submitted'])
    const percents = progress.map(({ data }) => data.progress)
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
  }
  const typesAt = (path: string, secret: string) =>
    [id, quiet.id].map((jobId) => eventsAt(path, jobId, secret).map(({ type }) => type))
  await expect.poll(() => typesAt('/all', all)).toEqual([['video.canceled'], ['video.canceled']])
  await expect.poll(() => typesAt('/quiet', house.secret)).toEqual([[], ['video.canceled']])
})
