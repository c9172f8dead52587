import { describe, expect } from 'vitest'
import { type Simulation, test } from '../simulation.fixture.ts'

const statusOf = async (simulation: Simulation, changes = {}, headers: Record<string, string> = {}) =>
  (await simulation.create(changes, { headers })).status
const dayOver = { create: { http: 429 } }

describe('a script is chosen', () => {
  test('from the queue before the prompt, from the prompt before the header, then from the profile', async ({
    start,
  }) => {
    const simulation = await start({ runway: { profile: { create: { http: 413 } } } })
    const prompt = { promptText: 'a lake [[sim:create.403]]' }
    const header = { 'x-sim-script': 'create.422' }
    simulation.sim.runway.script(dayOver)
    expect(await statusOf(simulation, prompt, header)).toBe(429)
    expect(await statusOf(simulation, prompt, header)).toBe(403)
    expect(await statusOf(simulation, {}, header)).toBe(422)
    expect(await statusOf(simulation, {}, { 'x-sim-script': JSON.stringify(dayOver) })).toBe(429)
    expect(await statusOf(simulation)).toBe(413)
  })

  test('from the queue only when it fits', async ({ start }) => {
    const simulation = await start()
    const { runway } = simulation.sim
    runway.script({ match: { endpoint: 'text_to_image' }, ...dayOver })
    runway.script({ match: { model: 'veo3.1' }, create: { http: 403 } })
    runway.script({ match: { promptIncludes: 'sea' }, create: { http: 404 } })
    runway.script({ match: { endpoint: 'text_to_video', ordinal: 5 }, create: { http: 405 } })
    const given = [
      await statusOf(simulation),
      await statusOf(simulation, { model: 'veo3.1', duration: 8 }),
      await statusOf(simulation, { promptText: 'the sea' }),
      await statusOf(simulation, { promptText: 'the sea' }),
      await statusOf(simulation),
    ]
    expect(given).toEqual([200, 403, 404, 200, 405])
  })

  test('as often as it says, or for ever', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.script({ times: 2, ...dayOver })
    expect([await statusOf(simulation), await statusOf(simulation), await statusOf(simulation)]).toEqual([
      429, 429, 200,
    ])
    simulation.sim.runway.script({ times: 'forever', ...dayOver })
    expect([await statusOf(simulation), await statusOf(simulation), await statusOf(simulation)]).toEqual([
      429, 429, 429,
    ])
  })

  test('by several directives of one prompt together, each as often as it says', async ({ start }) => {
    const simulation = await start()
    const promptText =
      'a lake [[sim:create.reject_5xx status=502 n=2]] [[sim:poll.5xx]] [[sim:poll.failed code="ASSET.INVALID"]]'
    expect([await statusOf(simulation, { promptText }), await statusOf(simulation, { promptText })]).toEqual([502, 502])
    const id = await simulation.created({ promptText })
    simulation.sim.clock.advance(30_000)
    expect((await simulation.poll(id)).status).toBe(503)
    expect((await simulation.poll(id)).json).toMatchObject({ status: 'FAILED', failureCode: 'ASSET.INVALID' })
  })

  test('never in silence: a directive that asks for nothing known is refused', async ({ start }) => {
    const simulation = await start()
    expect(await simulation.create({ promptText: '[[sim:poll.fialed]]' })).toMatchObject({
      status: 400,
      json: { issues: [{ message: 'There is no fault called "poll.fialed"' }] },
    })
  })
})

describe('a script', () => {
  test('plays its steps by polls and by clock time and then lets the task go on as usual', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.script({
      name: 'throttled, then flaky, then as usual',
      poll: [
        { status: 'THROTTLED', polls: 2 },
        { http: 503, body: '<html>busy</html>' },
        { status: 'PENDING', ms: 10_000 },
        { status: 'RUNNING', progress: [0.02, 0.45, 0.41] },
      ],
    })
    const id = await simulation.created()
    const seen = []
    for (let count = 0; count < 9; count += 1) {
      const { status, json } = await simulation.poll(id)
      seen.push(status === 200 ? (json.progress ?? json.status) : status)
      simulation.sim.clock.advance(4000)
    }
    expect(seen).toEqual(['THROTTLED', 'THROTTLED', 503, 'PENDING', 'PENDING', 'PENDING', 0.02, 0.45, 0.41])
    expect((await simulation.poll(id)).json.status).toBe('SUCCEEDED')
  })

  test('can set the times, the outputs and the cost of its task', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.script({
      pendingMs: 0,
      runningMs: 1000,
      poll: [{ status: 'SUCCEEDED', wait: true, outputs: [{ type: 'audio/wav', bytes: 50_000 }], cost: 7 }],
    })
    const id = await simulation.created()
    expect((await simulation.poll(id)).json.status).toBe('RUNNING')
    simulation.sim.clock.advance(1000)
    expect((await simulation.poll(id)).json).toMatchObject({ status: 'SUCCEEDED', cost: { credits: 7 } })
    expect(simulation.sim.runway.expectedOutput(id).bytes.length).toBeGreaterThanOrEqual(50_000)
    expect(simulation.sim.runway.ledger().creditsCharged).toBe(7)
  })
})
