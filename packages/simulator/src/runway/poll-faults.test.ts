import { describe, expect } from 'vitest'
import type { FaultArgs } from '../fault-args.ts'
import { type Simulation, test, urlsOf } from '../simulation.fixture.ts'
import type { POLL_FAULTS } from './poll-faults.ts'

type Observe = (simulation: Simulation, id: string) => Promise<void>

const soon = (): AbortSignal => AbortSignal.timeout(150)

/** Polls every 5 s of clock time, `count` times, and tells status words or HTTP statuses. */
async function seen(simulation: Simulation, id: string, count: number): Promise<unknown[]> {
  const words: unknown[] = []
  for (let poll = 0; poll < count; poll += 1) {
    simulation.sim.clock.advance(5000)
    const { status, json } = await simulation.poll(id)
    words.push(status === 200 ? json.status : status)
  }
  return words
}

const sees =
  (...words: unknown[]): Observe =>
  async (simulation, id) => {
    expect(await seen(simulation, id, words.length)).toEqual(words)
  }
const ends =
  (view: object): Observe =>
  async (simulation, id) => {
    expect((await simulation.poll(id)).json).toMatchObject({ status: 'PENDING' })
    simulation.sim.clock.advance(30_000)
    expect((await simulation.poll(id)).json).toMatchObject(view)
    expect((await simulation.poll(id)).json).toMatchObject(view)
  }
/** The first poll breaks, the second is as usual. */
const interrupted =
  (message: string): Observe =>
  async (simulation, id) => {
    await expect(simulation.poll(id, { signal: soon() })).rejects.toThrow(message)
    await sees('RUNNING', 'RUNNING')(simulation, id)
  }
const unreadable =
  (body: RegExp): Observe =>
  async (simulation, id) => {
    const { status, bytes, json } = await simulation.poll(id)
    expect([status, json]).toEqual([200, {}])
    expect(bytes.toString()).toMatch(body)
    await sees('RUNNING')(simulation, id)
  }

const OBSERVED = {
  'poll.throttled': sees('THROTTLED', 'RUNNING'),
  'poll.throttled_forever': sees(...Array.from({ length: 10 }, () => 'THROTTLED')),
  'poll.progress': async (simulation, id) => {
    const values = []
    for (let count = 0; count < 7; count += 1) values.push((await simulation.poll(id)).json.progress)
    expect(values).toEqual([0, undefined, 0.45, 0.45, 0.2, 1, 1.7])
  },
  'poll.status_flap': sees('RUNNING', 'PENDING', 'RUNNING', 'RUNNING', 'SUCCEEDED'),
  'poll.unknown_status': sees('FOO', 'RUNNING', 'RUNNING', 'RUNNING', 'SUCCEEDED'),
  'poll.status_lowercase': sees('running', 'running', 'running', 'running', 'succeeded'),
  'poll.canceled_spelling': ends({ status: 'CANCELED', cost: { credits: 0 } }),
  'poll.404_lag': sees(404, 'RUNNING'),
  'poll.404_forever': sees(404, 404, 404, 404, 404, 404),
  'poll.5xx': sees(503, 'RUNNING'),
  'poll.429': sees(429, 'RUNNING'),
  'poll.hang': interrupted('timeout'),
  'poll.drop': interrupted('fetch failed'),
  'poll.html': unreadable(/^<!doctype html>/),
  'poll.truncated': unreadable(/^\{"id":"[^}]*$/),
  'poll.401_midway': sees('RUNNING', 401, 'RUNNING'),
  'poll.stuck': sees(...Array.from({ length: 10 }, () => 'RUNNING')),
  'poll.failed': ends({ status: 'FAILED', failure: 'An unexpected error occurred.', failureCode: 'INTERNAL' }),
  'poll.cancelled': ends({ status: 'CANCELLED', cost: { credits: 0 } }),
  'poll.succeeded_no_output': ends({ status: 'SUCCEEDED', output: [] }),
  'poll.succeeded_multi': ends({
    status: 'SUCCEEDED',
    output: [/0-output\.mp4/, /1-output\.png/, /2-output\.wav/].map((name) => expect.stringMatching(name)),
  }),
  'poll.cost': ends({ status: 'SUCCEEDED', cost: { credits: 1 } }),
  'poll.terminal_flip': sees('RUNNING', 'RUNNING', 'RUNNING', 'RUNNING', 'SUCCEEDED', 'RUNNING', 'RUNNING'),
  'poll.fresh_urls': async (simulation, id) => {
    simulation.sim.clock.advance(30_000)
    const first = urlsOf(await simulation.poll(id))
    const second = urlsOf(await simulation.poll(id))
    expect(first).toHaveLength(1)
    expect(second[0]?.split('?')[0]).toBe(first[0]?.split('?')[0])
    expect(second[0]).not.toBe(first[0])
  },
} satisfies Record<keyof typeof POLL_FAULTS, Observe>

async function startWith(simulation: Simulation, id: keyof typeof POLL_FAULTS, args?: FaultArgs): Promise<string> {
  simulation.sim.runway.fault(id, args)
  return simulation.created()
}

describe('a task that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it to the polls`, async ({ start }) => {
      const simulation = await start()
      // Object.entries of a literal gives its own keys.
      await observe(simulation, await startWith(simulation, id as keyof typeof POLL_FAULTS))
    })
  }

  for (const [how, output] of [
    ['missing', undefined],
    ['empty', []],
    ['blank', ['']],
    ['null', null],
  ] as const) {
    test(`poll.succeeded_no_output with an output that is ${how} shows exactly that`, async ({ start }) => {
      const simulation = await start()
      const id = await startWith(simulation, 'poll.succeeded_no_output', { how, now: true })
      const { json } = await simulation.poll(id)
      expect([json.status, json.output]).toEqual(['SUCCEEDED', output])
      expect('output' in json).toBe(how !== 'missing')
    })
  }

  for (const [code, credits] of [
    ['SAFETY.INPUT.TEXT', 60],
    ['SAFETY.OUTPUT.VIDEO', 0],
    ['INPUT_PREPROCESSING.SAFETY.TEXT', 0],
    ['INPUT_PREPROCESSING.INTERNAL', 0],
    ['INTERNAL.BAD_OUTPUT.CODE01', 0],
    ['THIRD_PARTY.UNAVAILABLE', 0],
    ['ASSET.INVALID', 0],
    ['SOMETHING.NEW', 0],
    ['null', 0],
    ['missing', 0],
  ] as const) {
    test(`poll.failed with the code ${code} shows it and charges ${credits} credits`, async ({ start }) => {
      const simulation = await start()
      const id = await startWith(simulation, 'poll.failed', { code, failure: 'no luck', now: true })
      const { json } = await simulation.poll(id)
      const shown = code === 'missing' ? undefined : code === 'null' ? null : code
      expect([json.status, json.failure, json.failureCode, json.cost]).toEqual([
        'FAILED',
        'no luck',
        shown,
        { credits },
      ])
      expect(simulation.sim.runway.ledger()).toMatchObject({
        creditsCharged: credits,
        entries: [{ finalCredits: credits, refunded: credits === 0 }],
      })
    })
  }

  test('poll.5xx for two polls after the first, with a page, interrupts just those', async ({ start }) => {
    const simulation = await start()
    const id = await startWith(simulation, 'poll.5xx', { after: 1, n: 2, status: 502, body: 'html' })
    await sees('RUNNING', 502, 502, 'RUNNING', 'SUCCEEDED')(simulation, id)
  })

  test('poll.cost can leave the cost out', async ({ start }) => {
    const simulation = await start()
    const id = await startWith(simulation, 'poll.cost', { cost: 'missing', now: true })
    expect(Object.keys((await simulation.poll(id)).json)).toEqual(['id', 'status', 'createdAt', 'output'])
  })
})
