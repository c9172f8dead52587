import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

const JOBS = 1_000

let house: House
beforeAll(async () => {
  house = await openHouse({
    workers: 3,
    env: { SPEED: '20', POLL_TIMEOUT_MS: '10000', SUBMIT_TIMEOUT_MS: '30000' },
    simulator: { clock: { speed: 20 }, runway: { concurrency: null } },
  })
})
afterAll(() => house.close())

test('three workers share 1,000 jobs: each is submitted once, looked at once per due time, and told', async () => {
  const ids: string[] = []
  for (let batch = 0; batch < JOBS / 50; batch += 1) {
    const posts = Array.from({ length: 50 }, (_, n) => house.post({ prompt: `shared ${batch * 50 + n}` }))
    ids.push(...(await Promise.all(posts)).map(({ id }) => id))
  }
  const { receiver, runway } = house.simulator
  // An answer that a busy machine gives too late makes a delivery come twice, under the same id.
  const told = () => new Set(receiver.deliveries().map(({ headers }) => headers['webhook-id'])).size
  await expect.poll(told, { timeout: 90_000, interval: 100 }).toBe(JOBS)
  const jobs = await Promise.all(ids.map(house.get))
  expect(jobs.filter(({ status }) => status !== 'succeeded')).toEqual([])
  // Two looks at one task at once, or sooner than the vendor asks, would be violations.
  house.assertHonest()
  expect(Object.keys(runway.ledger().markers)).toHaveLength(JOBS)
  const looksSeen = runway.tasks().reduce((sum, { polls }) => sum + polls, 0)
  const looksRecorded = jobs.reduce((sum, { attempts }) => sum + attempts.polls, 0)
  expect(looksSeen).toBe(looksRecorded)
}, 120_000)
