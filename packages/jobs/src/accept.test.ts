import { afterAll, beforeAll, expect, test } from 'vitest'
import { listJobs } from './job-list.ts'
import { newJob, type OpenJobs, openJobs } from './jobs-fixture.ts'

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())

test('an accepted job is read back as it was accepted, and its message waits in the queue of its vendor', async () => {
  const outcome = await house.jobs.accept(newJob())
  expect(outcome.kind).toBe('created')
  if (outcome.kind !== 'created') return
  expect(await house.jobs.get(outcome.job.id)).toEqual(outcome.job)
  const message = await house.redis.hget(`${house.keys.bullmq}:submit-runway:${outcome.job.id}-queued-1`, 'data')
  expect(JSON.parse(message ?? '')).toEqual({ id: outcome.job.id })
})

test('500 racing requests with one idempotency key make one job, and all learn its id', async () => {
  const idempotency = { hash: 'race', fingerprint: 'f' }
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, () => house.jobs.accept(newJob({ idempotency, team: 'racers' }))),
  )
  const created = outcomes.flatMap((outcome) => (outcome.kind === 'created' ? [outcome.job.id] : []))
  expect(created).toHaveLength(1)
  const ids = new Set(
    outcomes.map((outcome) =>
      outcome.kind === 'replayed' ? outcome.id : outcome.kind === 'created' && outcome.job.id,
    ),
  )
  expect([...ids]).toEqual(created)
  const { jobs } = await listJobs(house, 'racers', { limit: 10, order: 'desc' })
  expect(jobs.map(({ id }) => id)).toEqual(created)
})

test('the same key with another body is a conflict, and with another team another job', async () => {
  const first = await house.jobs.accept(newJob({ idempotency: { hash: 'k', fingerprint: 'a' } }))
  const conflict = await house.jobs.accept(newJob({ idempotency: { hash: 'k', fingerprint: 'b' } }))
  const elsewhere = await house.jobs.accept(newJob({ idempotency: { hash: 'k', fingerprint: 'b' }, team: 'other' }))
  expect([first.kind, conflict.kind, elsewhere.kind]).toEqual(['created', 'conflict', 'created'])
})

test('a job accepted while Redis had forgotten our scripts still gets its message after its record', async () => {
  await house.redis.script('FLUSH')
  const outcome = await house.jobs.accept(newJob())
  if (outcome.kind !== 'created') throw new Error(outcome.kind)
  expect(await house.redis.exists(`${house.keys.bullmq}:submit-runway:${outcome.job.id}-queued-1`)).toBe(1)
})

test('a list pages through every job once, newest or oldest first, and a filter leaves out the rest', async () => {
  const ids: string[] = []
  for (let index = 0; index < 7; index += 1) {
    const outcome = await house.jobs.accept(newJob({ team: 'lister', model: index % 2 ? 'odd' : 'even' }))
    if (outcome.kind === 'created') ids.push(outcome.job.id)
  }
  ids.sort()
  for (const order of ['asc', 'desc'] as const) {
    const seen: string[] = []
    let after: string | undefined
    for (let hasMore = true; hasMore; ) {
      const page = await listJobs(house, 'lister', { limit: 3, order, after })
      seen.push(...page.jobs.map(({ id }) => id))
      after = page.lastId
      hasMore = page.hasMore
    }
    expect(seen).toEqual(order === 'asc' ? ids : ids.toReversed())
  }
  const odd = await listJobs(house, 'lister', { limit: 10, order: 'asc', match: ({ model }) => model === 'odd' })
  expect(odd.jobs).toHaveLength(3)
  expect(odd.hasMore).toBe(false)
})
