import { afterEach, expect, test } from 'vitest'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { openWaitingJobs, type WaitingJobs } from './waiting-jobs.ts'

const VIDEO = { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 }
const NEVER_DONE = { runMs: 1e9 }

let house: House
let waiting: WaitingJobs
afterEach(async () => {
  await waiting.close()
  await house.close()
})

async function openWith(options: HouseOptions, prompts: readonly string[]): Promise<string[]> {
  house = await openHouse(options)
  waiting = await openWaitingJobs(house)
  return Promise.all(
    prompts.map((positivePrompt) => waiting.accept('videoInference', { ...VIDEO, positivePrompt }, { waits: false })),
  )
}

/** The tasks that each request of these looked at. */
function looksSince(ordinal: number): string[][] {
  return house.simulator
    .journal(ordinal)
    .filter(({ host, body }) => host === 'runware' && body?.includes('"getResponse"'))
    .map(({ body }) => [...(body ?? '').matchAll(/"taskUUID":"([^"]+)"/g)].map(([, uuid = '']) => uuid))
}

test('1,000 tasks in flight are looked at with one request for twenty of them, and none is left out', async () => {
  const prompts = Array.from({ length: 1_000 }, (_, n) => `flight ${n}`)
  const speed = 10
  await openWith(
    { simulator: { clock: { speed }, runware: { profile: NEVER_DONE } }, env: { SPEED: String(speed) } },
    prompts,
  )
  const { runware } = house.simulator
  const oldest = () => house.simulator.clock.now() - Math.max(...runware.tasks().map(({ createdAtMs }) => createdAtMs))
  await expect.poll(() => runware.tasks().length, { timeout: 30_000, interval: 50 }).toBe(1_000)
  // By then every interval has grown to its full ten seconds.
  await expect.poll(oldest, { timeout: 10_000, interval: 50 }).toBeGreaterThan(22_000)
  const since = house.simulator.journal().at(-1)?.ordinal ?? 0
  const startMs = house.simulator.clock.now()
  const isOver = () => house.simulator.clock.now() - startMs > 30_000
  await expect.poll(isOver, { timeout: 10_000, interval: 10 }).toBe(true)
  const requests = looksSince(since)
  const looks = requests.flat()
  expect(new Set(looks).size).toBe(1_000)
  // Ten to twelve seconds between looks, and half a second for the hold: two to three looks at each in thirty.
  expect(looks.length).toBeGreaterThan(2_000)
  expect(looks.length).toBeLessThanOrEqual(3_100)
  expect(requests.length).toBeLessThanOrEqual(Math.ceil(looks.length / 20) * 1.1)
  house.assertHonest()
}, 60_000)

test('38 a task whose looks hang costs those beside it a look or two, and then nobody anything (I9, I11)', async () => {
  const prompts = Array.from({ length: 60 }, (_, n) => `beside ${n}`)
  house = await openHouse({ env: { POLL_TIMEOUT_MS: '500' } })
  waiting = await openWaitingJobs(house)
  const { runware } = house.simulator
  for (const prompt of ['beside 7.', 'beside 40.']) {
    runware.script({ poll: [{ fate: 'hang', polls: 'forever' }], match: { promptIncludes: prompt } })
  }
  const ids = await Promise.all(
    prompts.map((prompt) =>
      waiting.accept('videoInference', { ...VIDEO, positivePrompt: `${prompt}.` }, { waits: false }),
    ),
  )
  const healthy = ids.filter((_, n) => n !== 7 && n !== 40)
  for (const id of healthy) expect((await house.ended(id, 8_000)).status).toBe('succeeded')
  for (const n of [7, 40]) {
    const { status, task_id } = await house.get(ids[n] ?? '')
    expect(status).toBe('submitted')
    const sizes = looksSince(0).flatMap((uuids) => (uuids.includes(task_id ?? '') ? [uuids.length] : []))
    expect(sizes.length).toBeGreaterThan(2)
    expect(sizes[1]).toBeLessThanOrEqual(5)
    expect(new Set(sizes.slice(2))).toEqual(new Set([1]))
  }
  house.assertHonest()
})
