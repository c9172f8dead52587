import type { JobResource } from '@genqueue/contract'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from '../house.ts'

const MINUTE_MS = 60_000
const IN_FLIGHT = 8
const NEW_ONES = 4
const PATIENT = { interval: 20, timeout: 20_000 }

let house: House
afterEach(() => house.close())

type Vendor = 'runway' | 'runware'
const other = (vendor: Vendor): Vendor => (vendor === 'runway' ? 'runware' : 'runway')
const post = (vendor: Vendor, prompt: string) => (vendor === 'runway' ? house.post : house.postRunware)({ prompt })
const postMany = (vendor: Vendor, name: string, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => post(vendor, `${name} ${n}`)))
const endsOf = async (jobs: readonly JobResource[]) =>
  Promise.all(jobs.map(async ({ id }) => (await house.ended(id, 30_000)).error?.code ?? 'succeeded'))

/** Requests that reached a vendor since then, refused ones not among them. */
const requests = (vendor: Vendor, sinceMs: number) =>
  house.simulator.journal().filter(({ host, atMs }) => host === vendor && atMs >= sinceMs)
const createsOf = (vendor: Vendor, prompt: string) =>
  requests(vendor, 0).filter(({ method, body }) => method === 'POST' && body?.includes(`"${prompt}"`))

/** The most requests that came within a second of the vendor's clock. */
function burst(all: readonly { atMs: number }[]): number {
  return Math.max(
    0,
    ...all.map(({ atMs: from }) => all.filter(({ atMs }) => atMs >= from && atMs < from + 1_000).length),
  )
}

// Ten minutes are six seconds here: clock, looks and rests all run a hundred times faster.
test.each<[Vendor, 'unavailable' | 'refused']>([
  ['runway', 'refused'],
  ['runware', 'unavailable'],
  ['runware', 'refused'],
])(
  '35 %s is %s for ten minutes: tasks in flight are kept, looks are few, none is made twice, the other vendor goes on (I1, I2, I11)',
  async (vendor, how) => {
    house = await openHouse({ workers: 2, simulator: { runway: { concurrency: null } } })
    const { simulator } = house
    const inFlightToo = { match: { promptIncludes: 'in flight' }, times: 'forever' as const }
    simulator.runway.script({ runningMs: 4 * MINUTE_MS, ...inFlightToo })
    simulator.runware.script({ runMs: 4 * MINUTE_MS, ...inFlightToo })
    const inFlight = await postMany(vendor, 'in flight', IN_FLIGHT)
    const atVendor = async () =>
      (await Promise.all(inFlight.map(({ id }) => house.get(id)))).every((job) => job.task_id)
    await expect.poll(atVendor, PATIENT).toBe(true)

    const clock = () => simulator.journal().at(-1)?.atMs ?? 0
    await expect.poll(() => requests(vendor, 0).length, PATIENT).toBeGreaterThan(IN_FLIGHT)
    simulator[vendor].down(10 * MINUTE_MS, how)
    const beganMs = clock()
    const untilMs = beganMs + 10 * MINUTE_MS
    const meanwhile = await postMany(vendor, 'meanwhile', NEW_ONES)
    const besideStartedMs = performance.now()
    const beside = await postMany(other(vendor), 'beside', NEW_ONES)
    expect(await endsOf(beside)).toEqual(Array(NEW_ONES).fill('succeeded'))
    // Half of the storm is not over when the other vendor has done its work.
    expect(performance.now() - besideStartedMs).toBeLessThan(3_000)

    expect(await endsOf(inFlight)).toEqual(Array(IN_FLIGHT).fill('succeeded'))
    expect(await endsOf(meanwhile)).toEqual(Array(NEW_ONES).fill('succeeded'))
    for (const { id } of [...inFlight, ...meanwhile, ...beside]) await house.webhook(id)
    if (vendor === 'runway')
      for (let n = 0; n < NEW_ONES; n += 1) expect(createsOf('runway', `meanwhile ${n}`)).toHaveLength(1)

    const during = requests(vendor, beganMs).filter(({ atMs }) => atMs < untilMs)
    // From five seconds apart to a minute: fourteen looks in ten minutes, not a hundred and twenty.
    expect(during.length).toBeLessThan((IN_FLIGHT + NEW_ONES) * 20)
    const after = requests(vendor, untilMs).filter(({ atMs }) => atMs < untilMs + 10_000)
    expect(burst(after)).toBeLessThanOrEqual(IN_FLIGHT + NEW_ONES)
    house.assertHonest()
  },
)

test('35 an outage in which Runway answers 503 for ten minutes costs some probes, not the queue: the others wait and succeed (I1, I2)', async () => {
  house = await openHouse({ workers: 2, simulator: { runway: { concurrency: null } } })
  const { runway } = house.simulator
  runway.down(10 * MINUTE_MS)
  const first = await post('runway', 'first')
  expect(await endsOf([first])).toEqual(['submission_unknown'])
  const ends = await endsOf(await postMany('runway', 'queued', 30))
  const lost = ends.filter((end) => end === 'submission_unknown')
  // The first at once, five seconds apart at first, two minutes from the seventh on.
  expect(lost.length).toBeGreaterThan(0)
  expect(lost.length).toBeLessThanOrEqual(10)
  expect(ends.filter((end) => end === 'succeeded')).toHaveLength(30 - lost.length)
  const posted = house.simulator.journal().filter(({ host, method }) => host === 'runway' && method === 'POST')
  expect(posted).toHaveLength(31)
  house.assertHonest()
})

test('36 a task that Runway holds back as THROTTLED for half an hour is looked at slowly, is never made again, and delays nobody (I1, I2)', async () => {
  const speed = 300
  house = await openHouse({
    workers: 1,
    env: { SPEED: String(speed) },
    simulator: { clock: { speed }, runway: { concurrency: null } },
  })
  const { runway } = house.simulator
  runway.script({ poll: [{ status: 'THROTTLED', ms: 30 * MINUTE_MS }], match: { promptIncludes: 'held back' } })
  const { id } = await house.post({ prompt: 'held back' })
  await expect.poll(async () => (await house.get(id)).upstream_status, PATIENT).toBe('THROTTLED')
  expect(await endsOf(await postMany('runway', 'beside', NEW_ONES))).toEqual(Array(NEW_ONES).fill('succeeded'))
  expect(await house.get(id)).toMatchObject({ status: 'submitted', upstream_status: 'THROTTLED' })
  expect(await house.ended(id, 20_000)).toMatchObject({ status: 'succeeded', attempts: { submits: 1 } })
  await house.webhook(id)
  expect(runway.ledger().markers['held back']).toEqual({ requests: 1, tasks: 1 })
  // Ten seconds apart at first, a minute apart from the twelfth minute on.
  const { polls = 0 } = runway.tasks().find(({ marker }) => marker === 'held back') ?? {}
  expect(polls).toBeGreaterThan(10)
  expect(polls).toBeLessThan(70)
  house.assertHonest()
})
