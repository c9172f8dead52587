import { describe, expect } from 'vitest'
import { type Simulation, test } from './simulation.fixture.ts'

const outcomes = async (simulation: Simulation, count: number) => {
  const seen = []
  for (let create = 0; create < count; create += 1) {
    seen.push(
      await simulation.create().then(
        ({ status }) => status,
        () => 'dropped',
      ),
    )
  }
  return seen
}

describe('trouble for all', () => {
  test('answers 503 to everything while it is down', async ({ start }) => {
    const simulation = await start()
    const id = await simulation.created()
    simulation.sim.runway.down(5000)
    expect([(await simulation.create()).status, (await simulation.poll(id)).status]).toEqual([503, 503])
    simulation.sim.clock.advance(5000)
    expect([(await simulation.create()).status, (await simulation.poll(id)).status]).toEqual([200, 200])
  })

  test('takes no connection while it is refused, and is back at the same address', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.down(5000, 'refused')
    await expect(simulation.create()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    simulation.sim.clock.advance(5000)
    await expect
      .poll(() =>
        simulation.create().then(
          ({ status }) => status,
          () => 'refused',
        ),
      )
      .toBe(200)
  })

  test('browns out as often as asked, the same way for the same seed, and loses no task unless told to', async ({
    start,
  }) => {
    const runs = []
    for (const options of [{}, {}, { lossy: true }]) {
      const simulation = await start({ runway: { concurrency: null } })
      simulation.sim.runway.brownout(0.5, 'storm', options)
      const seen = await outcomes(simulation, 40)
      simulation.sim.runway.brownout(0, 'storm')
      runs.push({ seen, ok: seen.filter((one) => one === 200).length, tasks: simulation.sim.runway.tasks().length })
    }
    const [first, again, lossy] = runs
    expect(again).toEqual(first)
    expect(first?.tasks).toBe(first?.ok)
    expect(new Set(first?.seen)).toEqual(new Set([200, 503, 'dropped']))
    expect(lossy?.seen).toEqual(first?.seen)
    expect(lossy?.tasks).toBeGreaterThan(lossy?.ok ?? 0)
  })

  test('delays answers within the bounds', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.latency({ minMs: 1000, maxMs: 2000, seed: 'slow' })
    const answer = simulation.create()
    await expect.poll(() => simulation.sim.journal()).toHaveLength(1)
    await expect.poll(() => simulation.sim.journal()[0]?.body).toBeDefined()
    simulation.sim.clock.advance(999)
    expect(simulation.sim.runway.tasks()).toEqual([])
    simulation.sim.clock.advance(1001)
    expect((await answer).status).toBe(200)
  })

  test('restarts with its tasks, or without', async ({ start }) => {
    const simulation = await start()
    const id = await simulation.created()
    simulation.sim.runway.restart('keep')
    expect((await simulation.poll(id)).status).toBe(200)
    simulation.sim.runway.restart('lose')
    expect((await simulation.poll(id)).status).toBe(404)
  })

  test('deletes a task behind the back of the client', async ({ start }) => {
    const simulation = await start()
    const id = await simulation.created()
    simulation.sim.runway.deleteTask(id)
    expect((await simulation.poll(id)).status).toBe(404)
  })

  test('shows a Date that is off by the skew', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.disturbance.skewMs = 3_600_000
    const { headers } = await simulation.create()
    const aheadMs = Date.parse(headers.get('date') ?? '') - simulation.sim.clock.now()
    expect(Math.abs(aheadMs - 3_600_000)).toBeLessThan(1000)
  })
})
