import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AccountsHouse, openAccountsHouse } from '../accounts-fixture.ts'
import { takeRequest } from './request-rates.ts'

let house: AccountsHouse
beforeAll(async () => {
  house = await openAccountsHouse()
})
afterAll(() => house.close())

const team = (id: string, perSecond: number) => ({ of: 'team', id, perSecond }) as const
const key = (id: string, perSecond: number) => ({ of: 'key', id, perSecond }) as const

test('a second’s worth may come at once, what is beyond is refused with the time to wait', async () => {
  const answers = []
  for (let n = 0; n < 6; n += 1) answers.push(await takeRequest(house, [team('a', 5)]))
  expect(answers.slice(0, 5).every(({ refusedBy }) => refusedBy === undefined)).toBe(true)
  expect(answers[0]).toMatchObject({ limit: 5, remaining: 4 })
  expect(answers[5]).toMatchObject({ refusedBy: 'team', remaining: 0 })
  expect(answers[5]?.retryAfterMs).toBeGreaterThan(100)
  expect(answers[5]?.retryAfterMs).toBeLessThanOrEqual(200)
  await expect.poll(async () => (await takeRequest(house, [team('a', 5)])).refusedBy, { interval: 20 }).toBeUndefined()
})

test('of two limits the tighter is told, and a refused request counts on neither', async () => {
  const both = () => takeRequest(house, [team('b', 100), key('k', 1)])
  expect(await both()).toMatchObject({ limit: 1, remaining: 0 })
  for (let n = 0; n < 5; n += 1) expect(await both()).toMatchObject({ refusedBy: 'key', limit: 1 })
  expect((await takeRequest(house, [team('b', 100)])).remaining).toBeGreaterThanOrEqual(98)
  expect(await takeRequest(house, [team('c', 0.5), key('l', 10)])).not.toHaveProperty('refusedBy')
  expect(await takeRequest(house, [team('c', 0.5), key('l', 10)])).toMatchObject({ refusedBy: 'team' })
})

test('many at once get no more than the limit, and what counts them expires', async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, () => takeRequest(house, [team('d', 50)])))
  const passed = answers.filter(({ refusedBy }) => refusedBy === undefined).length
  expect(passed).toBeGreaterThanOrEqual(50)
  expect(passed).toBeLessThan(80)
  for (const name of await house.redis.keys('*:rate:*')) {
    const leftMs = await house.redis.pttl(name)
    expect(leftMs === -2 || (leftMs >= 0 && leftMs <= 2_002), `${name} ${leftMs}`).toBe(true)
  }
})
