import { describe, expect } from 'vitest'
import { type Answered, type Simulation, test } from '../simulation.fixture.ts'
import type { CREATE_FAULTS } from './create-faults.ts'

type Observe = (simulation: Simulation, create: () => Promise<Answered>) => Promise<void>

const soon = (): AbortSignal => AbortSignal.timeout(150)
const tasks = ({ sim }: Simulation): number => sim.runway.tasks().length

const accepted =
  (keys: string[]): Observe =>
  async (simulation, create) => {
    const { status, json } = await create()
    expect([status, Object.keys(json), tasks(simulation)]).toEqual([200, keys, 1])
  }
const refused =
  (status: number, json: object = { error: expect.any(String) }): Observe =>
  async (simulation, create) => {
    expect(await create()).toMatchObject({ status, json })
    expect(tasks(simulation)).toBe(0)
    expect((await simulation.create()).status, 'the create after it').toBe(200)
  }
const invalid = (issue: object): Observe => refused(400, { error: 'Validation of body failed', issues: [issue] })
/** The socket ends without an answer, and afterwards there are so many tasks. */
const broken =
  (taskCount: number, fate: string): Observe =>
  async (simulation, create) => {
    await expect(create()).rejects.toThrow('fetch failed')
    expect(tasks(simulation)).toBe(taskCount)
    expect(simulation.sim.journal().at(-1)).toMatchObject({ fate })
  }
const protocol =
  (body: RegExp): Observe =>
  async (simulation, create) => {
    const { status, bytes, json } = await create()
    expect([status, json.id, tasks(simulation)]).toEqual([200, undefined, 1])
    expect(bytes.toString()).toMatch(body)
  }

const OBSERVED = {
  'create.ok': accepted(['id', 'estimatedCost']),
  'create.ok_no_estimate': accepted(['id']),
  'create.accept_then_drop': broken(1, 'dropped'),
  'create.accept_then_5xx': async (simulation, create) => {
    expect(await create()).toMatchObject({ status: 503, json: { error: 'Service Unavailable' } })
    expect(tasks(simulation)).toBe(1)
  },
  'create.accept_then_hang': async (simulation) => {
    await expect(simulation.create({}, { signal: soon() })).rejects.toThrow('timeout')
    expect(tasks(simulation)).toBe(1)
  },
  'create.reject_5xx': refused(503),
  'create.reset_before_accept': broken(0, 'reset'),
  'create.refused': async (simulation, create) => {
    await expect(create()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    simulation.sim.clock.advance(1000)
    await expect.poll(async () => (await create().catch(() => undefined))?.status).toBe(200)
    expect(tasks(simulation)).toBe(1)
  },
  'create.200_html': protocol(/^<!doctype html>/),
  'create.200_empty': protocol(/^$/),
  'create.200_truncated': protocol(/^\{"id":"[^}]*$/),
  'create.200_no_id': protocol(/^\{"estimatedCost":\{"credits":60\}\}$/),
  'create.slow': async (simulation, create) => {
    const answer = create()
    await expect.poll(() => tasks(simulation)).toBe(1)
    expect(simulation.sim.journal()[0]).toMatchObject({ fate: 'open' })
    simulation.sim.clock.advance(5000)
    expect((await answer).status).toBe(200)
  },
  'create.trickle': async (simulation, create) => {
    const answer = create()
    await expect.poll(() => tasks(simulation)).toBe(1)
    simulation.sim.clock.advance(1000)
    expect(simulation.sim.journal()[0]).toMatchObject({ fate: 'open' })
    simulation.sim.clock.advance(20_000)
    expect(await answer).toMatchObject({ status: 200, json: { id: expect.any(String) } })
  },
  'create.redirect': async (simulation, create) => {
    const { status, headers } = await create()
    expect([status, headers.get('location')]).toEqual([307, `${simulation.sim.assets.url}/redirected`])
    expect(tasks(simulation)).toBe(0)
  },
  'create.400_validation': invalid({ code: 'invalid_value', path: ['ratio'] }),
  'create.400_asset': invalid({ code: 'custom', path: ['videoUri'], message: expect.stringContaining('"404"') }),
  'create.400_unknown_field': invalid({ code: 'unrecognized_keys', path: [] }),
  'create.400_bad_model': invalid({ code: 'invalid_union', discriminator: 'model', path: ['model'] }),
  'create.400_no_credits': refused(400, { error: 'You do not have enough credits to run this task.' }),
  'create.400_on_behalf_of': refused(400, { error: expect.stringContaining('X-Runway-On-Behalf-Of') }),
  'create.401': refused(401, { error: 'The API key is not valid.', docUrl: expect.any(String) }),
  'create.403': refused(403),
  'create.404': refused(404),
  'create.405': refused(405),
  'create.413': refused(413),
  'create.415': refused(415),
  'create.422': refused(422),
  'create.429_daily': refused(429, { error: 'Your daily task limit has been reached.' }),
  'create.429_burst': refused(429, { error: 'Too Many Requests' }),
} satisfies Record<keyof typeof CREATE_FAULTS, Observe>

describe('a create that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ start }) => {
      const simulation = await start()
      // Object.entries of a literal gives its own keys.
      simulation.sim.runway.fault(id as keyof typeof CREATE_FAULTS)
      await observe(simulation, () => simulation.create())
    })
  }

  for (const [retryAfter, header] of [
    ['absent', null],
    ['2', '2'],
    ['90', '90'],
    ['garbage', 'soon'],
    ['negative', '-5'],
    ['huge', '999999999'],
  ] as const) {
    test(`create.429_daily with a Retry-After that is ${retryAfter} gets exactly that header`, async ({ start }) => {
      const simulation = await start()
      simulation.sim.runway.fault('create.429_daily', { retryAfter })
      const { status, headers } = await simulation.create()
      expect([status, headers.get('retry-after')]).toEqual([429, header])
    })
  }

  test('create.429_daily with a Retry-After that is a date gets one ninety seconds ahead', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('create.429_daily', { retryAfter: 'date' })
    const { headers } = await simulation.create()
    const aheadMs = Date.parse(headers.get('retry-after') ?? '') - Date.parse(headers.get('date') ?? '')
    expect(aheadMs).toBe(90_000)
  })

  for (const [body, text] of [
    ['error', '{"error":"Your daily task limit has been reached."}'],
    ['message', '{"message":"Too Many Requests"}'],
    ['empty', ''],
    ['html', expect.stringMatching(/^<!doctype html>/)],
  ] as const) {
    test(`create.429_daily with a body that is ${body} gets that body`, async ({ start }) => {
      const simulation = await start()
      simulation.sim.runway.fault('create.429_daily', { body })
      const { status, bytes } = await simulation.create()
      expect([status, bytes.toString()]).toEqual([429, text])
    })
  }

  for (const status of [502, 503, 504]) {
    test(`create.accept_then_5xx with ${status} as a page gets both`, async ({ start }) => {
      const simulation = await start()
      simulation.sim.runway.fault('create.accept_then_5xx', { status, body: 'html' })
      const given = await simulation.create()
      expect([given.status, given.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8'])
      expect(tasks(simulation)).toBe(1)
    })
  }

  test('create.200_truncated without acceptance leaves no task behind', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('create.200_truncated', { accept: false })
    const { status, json } = await simulation.create()
    expect([status, json, tasks(simulation)]).toEqual([200, {}, 0])
  })

  test('create.429_burst of three is refused three times and then let in', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('create.429_burst', { n: 3 })
    const statuses = []
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await simulation.create()).status)
    expect(statuses).toEqual([429, 429, 429, 200])
  })
})
