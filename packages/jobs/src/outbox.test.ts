import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { EndpointRow } from './endpoint-row.ts'
import { type OpenJobs, openJobs } from './jobs-fixture.ts'
import { addEndpoint, endJob, leaseAll, outcome, sendAll } from './outbox-fixture.ts'

const DAY_MS = 86_400_000

let house: OpenJobs
beforeAll(async () => {
  house = await openJobs()
})
afterAll(() => house.close())
beforeEach(async () => {
  await house.redis.flushall()
})

const only = async (jobId: Parameters<OpenJobs['outbox']['listForJob']>[0]) => {
  const [delivery] = await house.outbox.listForJob(jobId)
  if (!delivery) throw new Error('the job has no delivery')
  return delivery
}
const window = async (destination: string) =>
  Number(await house.redis.hget(house.keys.destination(destination), 'window'))
const fresh = { leaseMs: 60_000, limit: 100, suspects: 100 }

test('a delivery is leased to one process, and again when its lease ended; only who holds the lease can write', async () => {
  const { id } = await endJob(house, { host: 'a.example' })
  const [first] = await leaseAll(house.outbox, 1_000)
  expect(first).toMatchObject({ jobId: id, attempts: 0, step: 0, url: 'https://a.example/hook', isSuspect: true })
  expect(await leaseAll(house.outbox)).toEqual([])
  const later = house.outboxIn(2_000)
  const [second] = await leaseAll(later)
  expect(second).toMatchObject({ id: first?.id, body: first?.body })
  if (!first || !second) throw new Error('nothing leased')
  expect(await later.record([outcome(first, 200), outcome(second, 500, 5_000)])).toEqual([
    { kind: 'lost' },
    { kind: 'written' },
  ])
  expect(await only(id)).toMatchObject({ status: 'pending', attempts: 1, step: 1, log: [{ status: 500 }] })
  expect(await later.record([outcome(second, 200)])).toEqual([{ kind: 'lost' }])
})

test('an ended delivery is in no schedule, expires, and keeps the last twenty attempts', async () => {
  const { id } = await endJob(house, { host: 'a.example' })
  for (let attempt = 1; attempt <= 25; attempt += 1) {
    const outbox = house.outboxIn(attempt * 3_600_000)
    const [leased] = await leaseAll(outbox)
    if (leased) await outbox.record([outcome(leased, attempt === 25 ? 200 : 404)])
  }
  const delivery = await only(id)
  expect(delivery).toMatchObject({ status: 'delivered', attempts: 25, endedAtMs: expect.any(Number) })
  expect(delivery.log.map(({ status }) => status)).toEqual([...Array.from({ length: 19 }, () => 404), 200])
  expect(delivery.nextAtMs).toBeUndefined()
  expect(await house.redis.pttl(house.keys.delivery(delivery.id))).toBeGreaterThan(29 * DAY_MS)
  const { outbox, sending, destinations, suspects } = house.keys
  expect(
    await house.redis.exists(
      outbox('host:default:a.example'),
      sending('host:default:a.example'),
      destinations,
      suspects,
    ),
  ).toBe(0)
})

test('a new receiver gets one webhook at a time; each that is taken doubles that up to the window, a failure begins anew', async () => {
  for (let n = 0; n < 64; n += 1) await endJob(house, { host: 'a.example' })
  const sizes: number[] = []
  for (;;) {
    const leased = await leaseAll(house.outbox)
    if (leased.length === 0) break
    sizes.push(leased.length)
    // One by one: what is taken together counts as one step of the window each.
    await house.outbox.record(leased.slice(0, 1).map((each) => outcome(each, 200)))
    await house.outbox.record(leased.slice(1).map((each) => ({ delivery: each, next: { status: 'held' } })))
  }
  expect(sizes.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32])
  await endJob(house, { host: 'a.example' })
  await sendAll(house.outbox, 500)
  expect(await window('host:default:a.example')).toBe(1)
})

test('after five failures in a row a destination is left alone for longer and longer, and one probe opens it again', async () => {
  for (let n = 0; n < 12; n += 1) await endJob(house, { host: 'down.example' })
  await endJob(house, { host: 'up.example' })
  expect(
    (await sendAll(house.outbox, 500)).filter(({ destination }) => destination === 'host:default:down.example'),
  ).toHaveLength(5)
  const { nextInMs } = await house.outbox.lease(fresh)
  expect(nextInMs).toBeGreaterThan(28_000)
  expect(await sendAll(house.outboxIn(31_000), 503)).toMatchObject([{ destination: 'host:default:down.example' }])
  expect(await sendAll(house.outboxIn(62_000), 200), 'for 60 s now').not.toContainEqual(
    expect.objectContaining({ destination: 'host:default:down.example' }),
  )
  const back = await sendAll(house.outboxIn(120_000), 200)
  expect(back.filter(({ destination }) => destination === 'host:default:down.example')).toHaveLength(12)
})

test('a host that fails one team is not closed to another, which may call other routes there', async () => {
  for (let n = 0; n < 8; n += 1) await endJob(house, { host: 'shared.example', team: 'failing' })
  expect(await sendAll(house.outbox, 500)).toHaveLength(5)
  for (let n = 0; n < 8; n += 1) await endJob(house, { host: 'shared.example', team: 'fine' })
  const sent = await sendAll(house.outbox, 200)
  expect(new Set(sent.map(({ destination }) => destination))).toEqual(new Set(['host:fine:shared.example']))
  expect(sent).toHaveLength(8)
  expect(await window('host:fine:shared.example')).toBe(32)
})

test('who takes a webhook slowly gets fewer at once, and nothing of what is kept for those that answer', async () => {
  for (let n = 0; n < 12; n += 1) await endJob(house, { host: 'slow.example' })
  const turn = async (what: 'taken' | 'slow') => {
    const leased = await leaseAll(house.outbox)
    await house.outbox.record(leased.map((each) => ({ ...outcome(each, 200), what })))
    return leased
  }
  expect((await turn('taken')).length).toBe(1)
  expect((await turn('taken')).length).toBe(2)
  expect(await turn('slow')).toHaveLength(8)
  const [last] = await turn('slow')
  expect(last?.isSuspect).toBe(true)
  expect(await window('host:default:slow.example')).toBe(1)
  await endJob(house, { host: 'slow.example' })
  expect((await turn('taken'))[0]?.isSuspect).toBe(true)
  await endJob(house, { host: 'slow.example' })
  expect((await turn('taken'))[0]?.isSuspect).toBe(false)
})

test('a delivery behind an open circuit says when the next one is let through', async () => {
  const job = { host: 'down.example', team: 'waits' }
  for (let n = 0; n < 5; n += 1) await endJob(house, job)
  await sendAll(house.outbox, 500)
  const { id } = await endJob(house, job)
  const openUntilMs = Number(await house.redis.hget(house.keys.destination('host:waits:down.example'), 'openUntil'))
  expect((await only(id)).nextAtMs).toBe(openUntilMs)
  const { deliveries } = await house.outbox.listByStatus('waits', { status: 'pending', limit: 1 })
  expect(deliveries[0]?.nextAtMs).toBe(openUntilMs)
})

test('a host that answers, though not as one hopes, is no host that is down; an endpoint of one team is judged by both', async () => {
  const endpoint = await addEndpoint(house, 'refused')
  for (let n = 0; n < 8; n += 1) await endJob(house, { team: 'refused', host: 'a.example' })
  const sent = await sendAll(house.outbox, 404)
  expect(sent.filter(({ destination }) => destination === 'host:refused:a.example')).toHaveLength(8)
  expect(sent.filter(({ destination }) => destination === `ep:${endpoint.id}`)).toHaveLength(5)
})

test('whatever order receivers answer in, the window holds, nothing is leased twice and everything is taken in the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(4), fc.constantFrom(200, 200, 500, 404, 429)), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      async (arrivals, limit) => {
        await house.redis.flushall()
        const statuses = new Map<string, number>()
        for (const [n, status] of arrivals) {
          const { id } = await endJob(house, { host: `h${n}.example` })
          statuses.set(id, status)
        }
        const done = new Set<string>()
        for (let step = 1; done.size < arrivals.length && step < 2_000; step += 1) {
          const outbox = house.outboxIn(step * 700_000)
          const { deliveries } = await outbox.lease({ ...fresh, limit })
          expect(deliveries.length).toBeLessThanOrEqual(limit)
          expect(new Set(deliveries.map(({ id }) => id)).size).toBe(deliveries.length)
          for (const destination of new Set(deliveries.map((each) => each.destination))) {
            const count = deliveries.filter((each) => each.destination === destination).length
            expect(count).toBeLessThanOrEqual((await window(destination)) || 1)
          }
          const again = await outbox.lease(fresh)
          const ids = new Set(deliveries.map(({ id }) => id))
          expect(again.deliveries.filter(({ id }) => ids.has(id))).toEqual([])
          const both = [...deliveries, ...again.deliveries]
          for (const { id } of both) expect(done.has(id), 'sent after it was taken').toBe(false)
          // What failed is taken at the second try.
          const sent = both.map((each) => outcome(each, each.attempts > 0 ? 200 : (statuses.get(each.jobId) ?? 200)))
          for (const { delivery, what } of sent) if (what === 'taken') done.add(delivery.id)
          await outbox.record(sent)
        }
        expect(done.size).toBe(arrivals.length)
        expect(await house.redis.exists(house.keys.destinations, house.keys.suspects)).toBe(0)
      },
    ),
    { numRuns: 12 },
  )
})

test('receivers that have not proven themselves leave room for those that have', async () => {
  await endJob(house, { host: 'good.example' })
  await sendAll(house.outbox, 200)
  for (let n = 0; n < 40; n += 1) await endJob(house, { host: `black${n}.example` })
  await endJob(house, { host: 'good.example' })
  await endJob(house, { host: 'good.example' })
  const { deliveries } = await house.outbox.lease({ limit: 32, suspects: 28, leaseMs: 60_000 })
  expect(deliveries.filter(({ isSuspect }) => isSuspect)).toHaveLength(28)
  expect(deliveries.filter(({ destination }) => destination === 'host:default:good.example')).toHaveLength(2)
  const rest = await house.outbox.lease({ limit: 8, suspects: 0, leaseMs: 60_000 })
  expect(rest.deliveries).toEqual([])
})

test('a destination with much to take takes turns with one that has little, whatever else comes for it', async () => {
  for (const host of ['much.example', 'little.example']) {
    for (let n = 0; n < 3; n += 1) {
      await endJob(house, { host })
      await sendAll(house.outbox, 200)
    }
  }
  for (let n = 0; n < 8; n += 1) await endJob(house, { host: 'much.example' })
  await endJob(house, { host: 'little.example' })
  const turns: (string | undefined)[] = []
  for (let n = 0; n < 3; n += 1) {
    const [leased] = (await house.outbox.lease({ ...fresh, limit: 1 })).deliveries
    turns.push(leased?.destination)
    await endJob(house, { host: 'much.example' })
    if (leased) await house.outbox.record([outcome(leased, 200)])
  }
  expect(turns).toContain('host:default:little.example')
})

test('each endpoint of the team that wants the event gets its own row with the same bytes; a disabled one is held', async () => {
  const all = await addEndpoint(house, 'many')
  const wanting = await addEndpoint(house, 'many', { eventTypes: ['image.completed', 'video.failed'] })
  await addEndpoint(house, 'many', { eventTypes: ['video.completed'] })
  const off = await addEndpoint(house, 'many', { eventTypes: ['*'], status: 'disabled' })
  await addEndpoint(house, 'others')
  const job = await endJob(house, { team: 'many', host: 'own.example' })
  const rows = await house.outbox.listForJob(job.id)
  expect(rows.map(({ endpointId, url, status }) => [endpointId ?? url, status]).sort()).toEqual(
    [
      ['https://own.example/hook', 'pending'],
      [all.id, 'pending'],
      [wanting.id, 'pending'],
      [off.id, 'held'],
    ].sort(),
  )
  expect(new Set(rows.map(({ body }) => body)).size).toBe(1)
  expect(rows.every(({ id }) => /^msg_[0-9A-Z]{26}(_[0-9A-Z]{26})?$/.test(id))).toBe(true)
  expect(await house.outbox.heldFor(off.id)).toBe(1)
  const redeliver = () => house.outbox.redeliverFailedSince('many', 0, { endpointId: off.id })
  expect(await redeliver()).toEqual({ redelivered: 0, hasMore: false })
  await house.redis.hset(house.keys.endpoints('many'), off.id, JSON.stringify({ ...off, status: 'enabled' }))
  expect(await redeliver()).toEqual({ redelivered: 1, hasMore: false })
  expect(await house.outbox.heldFor(off.id)).toBe(0)
  expect(await sendAll(house.outbox, 200)).toHaveLength(4)
})

test('an endpoint that answers 410 is disabled in the same step, with its row otherwise untouched, and told once', async () => {
  const endpoint = await addEndpoint(house, 'gone')
  await endJob(house, { team: 'gone' })
  const leased = await leaseAll(house.outbox)
  const [told] = await house.outbox.record(leased.map((each) => outcome(each, 410)))
  expect(told).toEqual({ kind: 'disabled', reason: 'gone' })
  const row = EndpointRow.parse(JSON.parse((await house.redis.hget(house.keys.endpoints('gone'), endpoint.id)) ?? ''))
  expect(row).toEqual({ ...endpoint, status: 'disabled', disabledReason: 'gone', updatedAtMs: expect.any(Number) })
  const held = await only((await endJob(house, { team: 'gone' })).id)
  expect(held.status).toBe('held')
})

test('an endpoint whose attempts all fail for five days is disabled; one success in between begins the count anew', async () => {
  for (const succeedsOnDay of [undefined, 3]) {
    const team = `failing-${succeedsOnDay}`
    const endpoint = await addEndpoint(house, team)
    const disabledOn: number[] = []
    for (let hour = 0; hour < 24 * 7; hour += 2) {
      await endJob(house, { team })
      const outbox = house.outboxIn(hour * 3_600_000)
      const leased = (await leaseAll(outbox)).filter(({ destination }) => destination === `ep:${endpoint.id}`)
      const isUp = succeedsOnDay !== undefined && hour === succeedsOnDay * 24
      const written = await outbox.record(leased.map((each) => outcome(each, isUp ? 200 : 500, 3_600_000)))
      if (written.some(({ kind }) => kind === 'disabled')) disabledOn.push(hour / 24)
    }
    // The clock starts with the fifth failure.
    if (succeedsOnDay === undefined) expect(disabledOn).toEqual([expect.closeTo(5 + 8 / 24, 0.1)])
    else expect(disabledOn).toEqual([])
  }
})

test('what waits behind a circuit for five days is given up, not kept for ever', async () => {
  const jobs = await Promise.all(Array.from({ length: 8 }, () => endJob(house, { host: 'dead.example' })))
  await sendAll(house.outbox, 500, 30 * DAY_MS)
  await sendAll(house.outboxIn(5 * DAY_MS + 60_000), 500, 30 * DAY_MS)
  const rows = await Promise.all(jobs.map(({ id }) => only(id)))
  expect(rows.map(({ status }) => status).sort()).toEqual([
    ...Array.from({ length: 3 }, () => 'exhausted'),
    ...Array.from({ length: 5 }, () => 'pending'),
  ])
})
