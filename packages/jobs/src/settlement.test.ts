import { type Cost, jobError } from '@genqueue/contract'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { moneyOf, periodsOf } from './hold.ts'
import type { EndedAs } from './jobs.ts'
import { acceptJob, newJob, type OpenJobs, openJobs, submitJob } from './jobs-fixture.ts'
import { LateCosts, unsettledRecord } from './late-costs.ts'
import type { JobRecord } from './record.ts'
import { readOpen, readUsage } from './usage.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const SIXTY: Cost = { amount: 60, unit: 'credits' }
const priced = (team: string, parts: Parameters<typeof newJob>[0] = {}) =>
  newJob({ team, estimatedCost: SIXTY, ...parts })
const failed = (...error: Parameters<typeof jobError>): EndedAs => ({
  status: 'failed',
  error: jobError(...error),
  outputs: [],
})
const today = () => periodsOf(Date.now())

async function lineOf(team: string) {
  const lines = (await readUsage(house, today().day)).filter((line) => line.team === team)
  expect(lines).toHaveLength(1)
  return lines[0]
}
async function sumsOf(team: string) {
  return house.redis.hgetall(house.keys.spend(`team:${team}`, today().month))
}
const CHARGED = { usd: 600_000, credits: 60_000, unknown: 0, unknown_usd: 0, unknown_credits: 0 }
const AT_RISK = { usd: 0, credits: 0, unknown: 1, unknown_usd: 600_000, unknown_credits: 60_000 }
const FREE = { usd: 0, credits: 0, unknown: 0, unknown_usd: 0, unknown_credits: 0 }

test.each<[string, EndedAs, object]>([
  ['charged by the vendor', { ...failed('moderation'), cost: SIXTY }, CHARGED],
  ['given back by the vendor', { ...failed('provider_failed'), cost: { amount: 0, unit: 'credits' } }, FREE],
  ['failed without a word of cost', failed('provider_failed'), FREE],
  ['canceled at the vendor', { status: 'canceled' }, FREE],
  ['stopped at the vendor', failed('run_timeout'), FREE],
  ['refused for its input, which is not given back', failed('moderation', { code: 'SAFETY.INPUT.TEXT' }), AT_RISK],
  ['lost by the vendor', failed('provider_lost'), AT_RISK],
  ['left at a vendor that stops nothing', { status: 'canceled', costUnknown: true }, AT_RISK],
])('a job that is %s', async (name, ended, money) => {
  const team = name.replaceAll(' ', '-').slice(0, 60)
  const job = await submitJob(house, `task-${team}`, priced(team))
  expect((await house.jobs.end(job, ended)).done).toBe(true)
  expect(await lineOf(team)).toMatchObject({ jobs: 1, [ended.status]: 1, ...money })
  expect(await readOpen(house, team, Date.now())).toEqual({ jobs: 0, microUsd: 0, milliCredits: 0 })
  const spent = money === FREE ? undefined : '600000'
  const sums = await sumsOf(team)
  const day = `${today().day.slice(-2)}:`
  expect(sums[`${day}jobs`]).toBe('1')
  for (const period of ['', day]) {
    expect([sums[`${period}held_usd`], sums[`${period}spent_usd`]]).toEqual(['0', spent])
  }
})

test('a queued job that ends has cost nothing', async () => {
  const job = await acceptJob(house, priced('queued'))
  await house.jobs.cancel(job)
  expect(await lineOf('queued')).toMatchObject({ jobs: 1, canceled: 1, ...FREE })
})

test('a lost create stays at risk, also when the one after it succeeds', async () => {
  const job = await acceptJob(house, priced('resubmitted', { onSubmissionUnknown: 'resubmit' }))
  const begun = await house.submissions.begin(job, 'key-1')
  if (begun.kind !== 'begun') throw new Error(begun.kind)
  const sent = await get(job)
  const released = await house.jobs.release(sent, begun.fence, {
    waiting: { reason: 'submission_unknown' },
    isUnknown: true,
  })
  expect(released.done).toBe(true)
  await house.jobs.end(await get(job), { ...failed('moderation'), cost: SIXTY })
  expect(await lineOf('resubmitted')).toMatchObject({ ...AT_RISK, usd: 600_000, credits: 60_000 })
})

test('a create whose outcome nobody will know is at risk', async () => {
  const job = await acceptJob(house, priced('lost-create'))
  await house.submissions.begin(job, 'key-1')
  await house.jobs.end(await get(job), failed('submission_unknown'))
  expect(await lineOf('lost-create')).toMatchObject({ failed: 1, ...AT_RISK })
})

test('the vendor’s own estimate, once told, is what is at risk', async () => {
  const job = await acceptJob(house, priced('told'))
  const begun = await house.submissions.begin(job, 'key-1')
  if (begun.kind !== 'begun') throw new Error(begun.kind)
  const answer = { fence: begun.fence, providerKeyId: 'key-1', taskId: 'task-told', firstLookMs: 0 }
  await house.submissions.accepted(job, { ...answer, estimatedCost: { amount: 75, unit: 'credits' } })
  await house.jobs.end(await get(job), failed('provider_lost'))
  expect(await lineOf('told')).toMatchObject({ unknown_credits: 75_000 })
  expect(await readOpen(house, 'told', Date.now())).toMatchObject({ milliCredits: 0 })
})

test('what a task left at the vendor has cost takes the place of what was at risk, once', async () => {
  const job = await submitJob(house, 'task-left', priced('left'))
  await house.jobs.end(job, { status: 'canceled', costUnknown: true })
  const lateCosts = new LateCosts(house)
  expect(await lateCosts.due(Date.now(), 100)).toContain(job.id)
  const record = unsettledRecord(await house.jobs.get(job.id))
  if (!record) throw new Error('expected a record whose cost is not known')
  const cost: Cost = { amount: 45, unit: 'credits' }
  await Promise.all([lateCosts.settle(record, cost), lateCosts.settle(record, cost)])
  expect(await lineOf('left')).toMatchObject({ ...FREE, jobs: 1, canceled: 1, usd: 450_000, credits: 45_000 })
  expect((await sumsOf('left')).spent_usd).toBe('450000')
  expect(await house.jobs.get(job.id)).toMatchObject({ status: 'canceled', cost })
  expect(unsettledRecord(await house.jobs.get(job.id))).toBeUndefined()
  expect(await lateCosts.due(Date.now(), 100)).not.toContain(job.id)
})

test('sums and reports expire, and keys and models stand apart in them', async () => {
  const job = await acceptJob(house, priced('kept', { apiKeyId: 'k|1', model: 'a|b' }))
  await house.jobs.end(job, failed('queue_timeout'))
  expect(await lineOf('kept')).toMatchObject({ key: 'k_1', provider: 'runway', model: 'a_b' })
  const { day, month } = today()
  const names = [house.keys.spend('team:kept', month), house.keys.spend('key:k|1', month), house.keys.usage(day)]
  for (const name of names) expect(await house.redis.pttl(name)).toBeGreaterThan(39 * 86_400_000)
})

test('a day with very many models counts the rest of them together', async () => {
  const at = Date.UTC(2026, 1, 3)
  const jobs = house.jobsAt(() => at)
  const fields = Array.from({ length: 10_000 }, (_, n) => [`t|k|runway|m${n}|jobs`, 1]).flat()
  await house.redis.hset(house.keys.usage('2026-02-03'), ...fields)
  for (const model of ['m1', 'new', 'newer']) {
    const accepted = await jobs.accept(newJob({ team: 't', apiKeyId: 'k', model }))
    if (accepted.kind === 'created') await jobs.end(accepted.job, { status: 'canceled' })
  }
  const lines = await readUsage(house, '2026-02-03')
  const ended = lines.filter(({ canceled }) => canceled > 0).map(({ model, jobs }) => `${model} ${jobs}`)
  expect(ended.toSorted()).toEqual(['m1 2', 'other 2'])
})

test('money is whole, never negative and never more than a script can count, whatever a vendor says', () => {
  const cost = fc.record({ amount: fc.double(), unit: fc.constantFrom('credits' as const, 'usd' as const) })
  fc.assert(
    fc.property(cost, fc.double({ min: 0.000_001, max: 1_000, noNaN: true }), (told, creditUsd) => {
      for (const amount of Object.values(moneyOf(told, creditUsd))) {
        expect(Number.isSafeInteger(amount)).toBe(true)
        expect(amount).toBeGreaterThanOrEqual(0)
        expect(String(amount)).toMatch(/^\d+$/)
      }
    }),
  )
  fc.assert(
    fc.property(fc.nat(1e9), (micro) => {
      expect(moneyOf({ amount: micro / 1e6, unit: 'usd' }, 0.01).microUsd).toBe(micro)
    }),
  )
})

async function get({ id }: JobRecord): Promise<JobRecord> {
  const job = await house.jobs.get(id)
  if (!job) throw new Error('the job is gone')
  return job
}
