import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenJobs, openJobs } from './jobs-fixture.ts'
import { Outbox } from './outbox.ts'
import { endJob, leaseAll, outcome } from './outbox-fixture.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

/** The oldest leave the list right after each page that is read, as they do whenever a job ends. */
class Trimming extends Redis {
  readonly list = house.keys.deliveries('old')
  override async zrange(...parameters: [key: string, from: string, to: string]): Promise<string[]> {
    const page = await super.zrange(...parameters)
    await this.zremrangebyrank(this.list, 0, 9)
    return page
  }
}

test('what failed since a time is sent again, also what moves up while the list is trimmed', async () => {
  const list = house.keys.deliveries('old')
  await house.redis.zadd(
    list,
    ...Array.from({ length: 505 }, (_, n) => [Date.now() - 3_600_000 + n, `msg_${n}`]).flat(),
  )
  await endJob(house, { team: 'old', host: 'a.example' })
  await house.redis.zadd(list, ...Array.from({ length: 20 }, (_, n) => [9e12, `msg_${600 + n}`]).flat())
  const [leased] = await leaseAll(house.outbox)
  if (leased) await house.outbox.record([{ ...outcome(leased, 404), next: { status: 'exhausted' } }])
  const redis = new Trimming(house.redis.options.port ?? 0)
  const outbox = new Outbox({ redis, keys: house.keys })
  expect(await outbox.redeliverFailedSince('old', 0)).toEqual({ redelivered: 1, hasMore: false })
  redis.disconnect()
})
