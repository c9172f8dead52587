import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

let house: House
afterEach(() => house.close())

test('23 kill -9 of Redis with AOF: nothing acknowledged is lost, the API answers 503 within 250 ms, work resumes (I1, I12)', async () => {
  house = await openHouse({
    workers: 1,
    redis: { appendfsync: 'always' },
    env: { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500' },
  })
  const ids = (await Promise.all(Array.from({ length: 20 }, (_, n) => house.post({ prompt: `kept ${n}` })))).map(
    ({ id }) => id,
  )
  await house.redis.kill('SIGKILL')

  for (let request = 0; request < 10; request += 1) {
    const startedMs = performance.now()
    const response = await house.call(
      request % 2 ? 'GET' : 'POST',
      request % 2 ? `/v1/jobs/${ids[0]}` : '/v1/jobs',
      request % 2 ? undefined : BODY,
    )
    expect(response.status).toBe(503)
    expect(performance.now() - startedMs).toBeLessThan(250)
    expect(await response.json()).toMatchObject({ code: 'unavailable', status: 503 })
  }
  expect((await fetch(`${house.api.url}/livez`)).status).toBe(200)
  expect((await fetch(`${house.api.url}/readyz`)).status).toBe(503)

  await house.reviveRedis()
  const backAtMs = performance.now()
  const isBack = async () => (await house.call('GET', `/v1/jobs/${ids[0]}`)).status
  await expect.poll(isBack, { interval: 10 }).toBe(200)
  expect(performance.now() - backAtMs).toBeLessThan(1_000)
  for (const id of ids) {
    const job = await house.ended(id, 25_000)
    // A create on the wire when Redis went is answered to nobody: it may end as unknown, never twice.
    expect([undefined, 'submission_unknown']).toContain(job.error?.code)
    await house.webhook(id)
  }
  house.assertHonest()
})

const BODY = {
  provider: 'runway',
  operation: 'text_to_video',
  input: { model: 'gen4.5', promptText: 'refused' },
}
