import { type Cost, jobError, type Limits } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewJob } from './accept-job.ts'
import { periodsOf } from './hold.ts'
import { acceptJob, newJob, type OpenJobs, openJobs } from './jobs-fixture.ts'
import { reconcile } from './reconcile.ts'
import { readOpen } from './usage.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

const SIXTY: Cost = { amount: 60, unit: 'credits' }
const FAILED = { status: 'failed', error: jobError('provider_failed') } as const

/** A job of 60 credits by a team with these limits. */
function limited(team: string, limits: Limits, parts: Partial<NewJob> = {}): NewJob {
  return newJob({ team, estimatedCost: SIXTY, limits: { team: limits }, ...parts })
}

async function kinds(jobs: readonly NewJob[]): Promise<string[]> {
  return (await Promise.all(jobs.map((job) => house.jobs.accept(job)))).map(({ kind }) => kind)
}

test.each<[keyof Limits, number]>([
  ['jobs_in_flight', 10],
  ['jobs_per_day', 10],
  ['credits_per_day', 600],
  ['credits_per_month', 650],
  ['usd_per_day', 6],
  ['usd_per_month', 6.5],
])('50 racing jobs against %s of %d leave exactly ten, and nothing of the others', async (limit, value) => {
  const team = `race-${limit.replaceAll('_', '-')}`
  const before = await house.redis.zcard(house.keys.open)
  const jobs = Array.from({ length: 50 }, (_, n) =>
    limited(team, { [limit]: value }, { idempotency: { hash: `${team}-${n}`, fingerprint: 'f' } }),
  )
  const outcomes = await Promise.all(jobs.map((job) => house.jobs.accept(job)))
  expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(10)
  const [refused] = outcomes.flatMap((outcome) => (outcome.kind === 'limited' ? [outcome.refusal] : []))
  expect(refused).toMatchObject({ scope: 'team', limit, value })
  expect(await house.redis.zcard(house.keys.list(team))).toBe(10)
  expect(await house.redis.keys(`${house.keys.prefix}:idem:${team}:*`)).toHaveLength(10)
  expect(await house.redis.zcard(house.keys.open)).toBe(before + 10)
  const open = await readOpen(house, team, Date.now())
  expect(open).toEqual({ jobs: 10, microUsd: 6_000_000, milliCredits: 600_000 })
})

test('a slot comes back when its job ends, however that comes about', async () => {
  const one = () => house.jobs.accept(limited('slots', { jobs_in_flight: 1 }))
  const first = await one()
  if (first.kind !== 'created') throw new Error(first.kind)
  expect((await one()).kind).toBe('limited')
  const ends = await Promise.all([
    house.jobs.end(first.job, { status: 'canceled' }),
    house.jobs.end(first.job, { ...FAILED, outputs: [] }),
  ])
  expect(ends.filter(({ done }) => done)).toHaveLength(1)
  expect(await house.redis.hget(house.keys.inflight, 'team:slots')).toBeNull()
  expect((await one()).kind).toBe('created')
})

test('the slot of a record that was lost comes back by reconcile, and those of others stay', async () => {
  const job = () => limited('lost', { jobs_in_flight: 2 }, { apiKeyId: 'k-lost' })
  const [gone] = await Promise.all([acceptJob(house, job()), acceptJob(house, job())])
  await house.redis.del(house.keys.job(gone.id))
  expect(await kinds([job()])).toEqual(['limited'])
  await reconcile(house, { nowMs: Date.now() + 600_000, lookAgainMs: 1_000 })
  const counts = await house.redis.hmget(house.keys.inflight, 'team:lost', 'key:k-lost')
  expect(counts).toEqual(['1', '1'])
  expect(await kinds([job(), job()])).toEqual(['created', 'limited'])
})

test('a replay is never refused, and a refused request does not use up its key', async () => {
  const job = (hash: string) => limited('replays', { jobs_in_flight: 1 }, { idempotency: { hash, fingerprint: 'f' } })
  const first = await house.jobs.accept(job('a'))
  expect([first.kind, ...(await kinds([job('a'), job('b')]))]).toEqual(['created', 'replayed', 'limited'])
  if (first.kind === 'created') await house.jobs.end(first.job, { status: 'canceled' })
  expect(await kinds([job('b')])).toEqual(['created'])
})

test('a key has limits of its own beside those of its team, and both count its jobs', async () => {
  const by = (apiKeyId: string) =>
    newJob({ team: 'keyed', apiKeyId, limits: { team: { jobs_in_flight: 3 }, key: { jobs_in_flight: 2 } } })
  expect(await kinds([by('k1'), by('k1'), by('k1')])).toEqual(['created', 'created', 'limited'])
  const ofKey = await house.jobs.accept(by('k1'))
  expect(ofKey).toMatchObject({ refusal: { scope: 'key', value: 2, freesInMs: 5_000 } })
  expect(await kinds([by('k2'), by('k2')])).toEqual(['created', 'limited'])
  expect(await house.jobs.accept(by('k2'))).toMatchObject({ refusal: { scope: 'team', value: 3 } })
})

test('what a job really cost takes the place of what was held for it', async () => {
  const limits: Limits = { credits_per_day: 100 }
  const first = await acceptJob(house, limited('settled', limits))
  expect(await kinds([limited('settled', limits)])).toEqual(['limited'])
  await house.jobs.end(first, { ...FAILED, outputs: [], cost: { amount: 25, unit: 'credits' } })
  expect(await kinds([limited('settled', limits), limited('settled', limits)])).toEqual(['created', 'limited'])
})

test('without a price nothing is held, but a budget that is spent lets nothing more through', async () => {
  const limits: Limits = { usd_per_day: 1 }
  const unpriced = () => newJob({ team: 'unpriced', provider: 'runware', limits: { team: limits } })
  const [first] = await Promise.all([acceptJob(house, unpriced()), acceptJob(house, unpriced())])
  await house.jobs.end(first, { ...FAILED, outputs: [], cost: { amount: 1.25, unit: 'usd' } })
  expect(await house.jobs.accept(unpriced())).toMatchObject({ kind: 'limited', refusal: { limit: 'usd_per_day' } })
})

test('Runway credits that are used up stop Runway alone', async () => {
  const limits: Limits = { credits_per_month: 60 }
  expect(await kinds([limited('credits', limits), limited('credits', limits)])).toEqual(['created', 'limited'])
  expect(await kinds([limited('credits', limits, { provider: 'runware' })])).toEqual(['created'])
})

test('sums begin anew at midnight UTC, and a refusal says when that is', async () => {
  const at = Date.UTC(2026, 10, 30, 23, 59, 50)
  expect(periodsOf(at)).toEqual({ day: '2026-11-30', month: '2026-11' })
  let nowMs = at
  const jobs = house.jobsAt(() => nowMs)
  const job = () => limited('midnight', { jobs_per_day: 1, usd_per_month: 1 })
  expect((await jobs.accept(job())).kind).toBe('created')
  const refused = { limit: 'usd_per_month', freesInMs: 10_000 }
  expect(await jobs.accept(job())).toMatchObject({ kind: 'limited', refusal: refused })
  nowMs = at + 10_000
  expect((await jobs.accept(job())).kind).toBe('created')
})
