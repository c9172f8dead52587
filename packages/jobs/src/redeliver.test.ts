import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenJobs, openJobs } from './jobs-fixture.ts'
import { addEndpoint, endJob, leaseAll, outcome } from './outbox-fixture.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const only = async (jobId: Parameters<OpenJobs['outbox']['listForJob']>[0]) => {
  const [delivery] = await house.outbox.listForJob(jobId)
  if (!delivery) throw new Error('the job has no delivery')
  return delivery
}

test('redelivering sends the same id and bytes at once, with a schedule that starts anew and a log that goes on', async () => {
  const job = await endJob(house, { host: 'a.example' })
  const [first] = await leaseAll(house.outbox)
  if (!first) throw new Error('nothing leased')
  expect(await house.outbox.redeliver(first.id)).toBe('sending')
  await house.outbox.record([{ ...outcome(first, 500), next: { status: 'exhausted' } }])
  expect(await house.outbox.redeliver(first.id)).toBe('redelivered')
  const [again] = await leaseAll(house.outbox)
  expect(again).toMatchObject({ id: first.id, body: first.body, attempts: 1, step: 0 })
  if (again) await house.outbox.record([outcome(again, 200)])
  expect(await only(job.id)).toMatchObject({
    status: 'delivered',
    attempts: 2,
    round: 2,
    log: [{ status: 500 }, { status: 200 }],
  })
  expect(await house.outbox.redeliver('msg_none')).toBe('gone')
})

test('what waited for an endpoint that was deleted is not sent again, nor counted as if it were', async () => {
  const endpoint = await addEndpoint(house, 'left', { status: 'disabled' })
  const { id } = await only((await endJob(house, { team: 'left' })).id)
  await house.redis.hdel(house.keys.endpoints('left'), endpoint.id)
  expect(await house.outbox.redeliver(id)).toBe('gone')
  expect(await house.outbox.redeliverFailedSince('left', 0)).toEqual({ redelivered: 0, hasMore: false })
})

test('a team’s deliveries are listed newest first, by status, in pages that miss nothing; what failed since then is sent again', async () => {
  const ids: string[] = []
  for (let n = 0; n < 7; n += 1)
    ids.push((await only((await endJob(house, { host: `h${n % 2}.example`, team: 't' })).id)).id)
  await endJob(house, { host: 'h0.example', team: 'u' })
  const leased = (await leaseAll(house.outbox)).filter(({ team }) => team === 't')
  const given = { next: { status: 'exhausted' } } as const
  await house.outbox.record(leased.map((each) => ({ ...outcome(each, 500), ...given })))
  const spent = leased.map(({ id }) => id)
  const pages: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await house.outbox.listByStatus('t', { limit: 2, after })
    pages.push(...page.deliveries.map(({ id }) => id))
    after = page.lastId
    if (!page.hasMore) break
  }
  expect(pages).toHaveLength(7)
  expect(new Set(pages)).toEqual(new Set(ids))
  const listed = await house.outbox.listByStatus('t', { status: 'exhausted', limit: 10 })
  expect(new Set(listed.deliveries.map(({ id }) => id))).toEqual(new Set(spent))
  expect(await house.outbox.redeliverFailedSince('t', Date.now() + 60_000)).toEqual({ redelivered: 0, hasMore: false })
  expect(await house.outbox.redeliverFailedSince('t', 0)).toEqual({ redelivered: spent.length, hasMore: false })
})
