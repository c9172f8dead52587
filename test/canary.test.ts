import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type House, OTHER_TEAM_KEY, openHouse } from './house.ts'

const lines: string[] = []
const answers: string[] = []

let house: House
beforeAll(async () => {
  house = await openHouse({ env: { LOG_LEVEL: 'trace' }, logTo: { write: (line) => void lines.push(line) } })
})
afterAll(() => house.close())

test('no secret reaches a log line, Redis, an answer of the API or a webhook, whatever goes wrong', async () => {
  const { simulator, env } = house
  const [vendorKey = ''] = simulator.runway.keys
  const canaries = {
    'provider key': vendorKey,
    'admin key': ADMIN_KEY,
    'team key': OTHER_TEAM_KEY,
    'webhook secret': house.secret.slice('whsec_'.length),
    'storage secret': env.AWS_SECRET_ACCESS_KEY ?? '',
    'caller’s own secret': 'canary-in-body-51c2',
  }
  const { 'caller’s own secret': own, ...ours } = canaries
  for (const [name, canary] of Object.entries(canaries)) expect(canary.length, name).toBeGreaterThan(10)

  simulator.runway.fault('create.401', {}, { promptIncludes: 'unauthorized' })
  simulator.runway.fault('poll.failed', { code: 'INTERNAL' }, { promptIncludes: 'failing' })
  simulator.runway.fault('poll.5xx', { n: 2 }, { promptIncludes: 'flaky' })
  simulator.runway.fault('dl.expired_403', {}, { promptIncludes: 'expired' })
  simulator.runway.fault('create.accept_then_drop', {}, { promptIncludes: 'dropped' })
  simulator.receiver.behave({ kind: 'answer', status: 500, times: 2 })
  simulator.store.fault({ kind: 'slow_down', operation: 'PutObject', times: 1 })
  const ids: string[] = []
  for (const prompt of ['plain', 'failing', 'flaky', 'expired', 'dropped']) ids.push((await house.post({ prompt })).id)
  for (const id of ids) await house.ended(id)
  const unauthorized = await house.post({ prompt: 'unauthorized' })
  await expect
    .poll(async () => (await house.get(unauthorized.id)).waiting?.reason, { interval: 20 })
    .toBe('provider_auth')

  const requests: [string, string, unknown?, Record<string, string>?][] = [
    ['GET', `/v1/jobs/${ids[0]}`],
    ['GET', '/v1/jobs?limit=100'],
    ['GET', `/v1/jobs/${ids[0]}`, undefined, { authorization: `Bearer ${vendorKey}` }],
    ['GET', '/v1/videos', undefined, { authorization: `Basic ${ADMIN_KEY}x` }],
    ['POST', '/v1/jobs', { provider: 'canary-in-body-51c2' }],
    ['POST', '/v1/videos', { model: 'runway/x', webhook_url: 'https://canary-in-body-51c2@10.0.0.1/' }],
    ['GET', '/nothing?key=canary-in-body-51c2'],
    ['GET', '/readyz'],
    ['GET', '/openapi.json'],
  ]
  for (const [method, path, body, headers] of requests) {
    const response = await house.call(method, path, body, headers)
    answers.push(`${JSON.stringify([...response.headers])} ${await response.text()}`)
  }
  await refuseWrites(house, own)
  await house.workers[0]?.stop()

  const webhooks = simulator.receiver.deliveries().map(({ rawHeaders, body }) => `${rawHeaders.join(' ')} ${body}`)
  const stored = await everythingIn(house.redis.url)
  expect(lines.length).toBeGreaterThan(50)
  expect(stored.length).toBeGreaterThan(20)
  for (const [name, canary] of Object.entries(ours)) {
    for (const [place, texts] of Object.entries({ lines, stored, answers, webhooks })) {
      expect(
        texts.filter((text) => text.includes(canary)),
        `the ${name} in ${place}`,
      ).toEqual([])
    }
  }
  // What a caller sends is never logged; it may be told back what was wrong with it.
  expect(lines.filter((line) => line.includes(own))).toEqual([])
  // Nor are links that carry their own permission.
  expect(lines.filter((line) => /_jwt=|X-Amz-Signature/.test(line))).toEqual([])
})

/** Redis refuses every write for a moment: its client's errors carry the whole command. */
async function refuseWrites({ redis: { url }, call, workers }: House, prompt: string): Promise<void> {
  const redis = new Redis(url)
  const before = lines.length
  await redis.config('SET', 'maxmemory', '1')
  const input = { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 }
  const refused = await call('POST', '/v1/jobs', { provider: 'runway', operation: 'text_to_video', input })
  answers.push(await refused.text())
  expect(refused.status).toBe(503)
  expect(workers).toHaveLength(1)
  await expect.poll(() => lines.slice(before).some((line) => line.includes('OOM'))).toBe(true)
  await redis.config('SET', 'maxmemory', '0')
  redis.disconnect()
}

/** Every key and value, as text. */
async function everythingIn(url: string): Promise<string[]> {
  const redis = new Redis(url)
  const found: string[] = []
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key)
    const values = {
      string: () => redis.get(key),
      hash: () => redis.hgetall(key),
      list: () => redis.lrange(key, 0, '-1'),
      zset: () => redis.zrange(key, 0, '-1'),
      set: () => redis.smembers(key),
      stream: () => redis.xrange(key, '-', '+'),
    }[type]
    found.push(`${key} ${JSON.stringify(await values?.())}`)
  }
  redis.disconnect()
  return found
}
