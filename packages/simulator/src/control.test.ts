import { describe, expect } from 'vitest'
import { answered, type Simulation, test } from './simulation.fixture.ts'

async function control({ sim }: Simulation, method: string, path: string, body?: unknown) {
  const response = await fetch(`${sim.control.url}/__sim/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return answered(response)
}

describe('the control port', () => {
  test('moves the clock, queues faults and scripts, and shows what came of it', async ({ start }) => {
    const simulation = await start()
    await control(simulation, 'POST', 'scripts', { fault: 'create.429_daily', args: { retryAfter: '2' } })
    await control(simulation, 'POST', 'scripts', { script: { poll: [{ http: 503 }] } })
    expect((await simulation.create()).headers.get('retry-after')).toBe('2')
    const id = await simulation.created()
    expect((await control(simulation, 'POST', 'clock', { advanceMs: 30_000 })).json).toMatchObject({ mode: 'virtual' })
    expect((await simulation.poll(id)).status).toBe(503)
    expect((await control(simulation, 'GET', 'tasks')).json).toMatchObject([{ taskId: id, status: 'SUCCEEDED' }])
    expect((await control(simulation, 'GET', 'ledger')).json).toMatchObject({ creditsCharged: 60 })
    expect((await control(simulation, 'GET', 'violations')).json).toEqual([])
    const entries = (await control(simulation, 'GET', 'journal?since=1')).json
    expect(entries).toMatchObject([
      { ordinal: 2, path: '/v1/text_to_video', status: 200, fate: 'answered', body: expect.stringContaining('gen4.5') },
      { ordinal: 3, path: `/v1/tasks/${id}`, status: 503 },
    ])
  })

  test('sets limits and troubles, and resets everything', async ({ start }) => {
    const simulation = await start()
    await control(simulation, 'POST', 'limits', { model: 'gen4.5', concurrency: 1, daily: 1, credits: 500 })
    expect((await simulation.create()).status).toBe(200)
    expect((await simulation.create()).status).toBe(429)
    await control(simulation, 'POST', 'troubles', { down: { ms: 60_000 } })
    expect((await simulation.create()).status).toBe(503)
    await control(simulation, 'POST', 'reset')
    expect((await simulation.create()).status).toBe(200)
    expect(simulation.sim.runway.tasks()).toHaveLength(1)
    expect(simulation.sim.journal()).toHaveLength(1)
  })

  test('does the same for Runware when it is named', async ({ start }) => {
    const simulation = await start()
    const { runware } = simulation.sim
    const provider = 'runware'
    const task = { taskType: 'videoInference', model: 'runway:1@1', positivePrompt: 'a lake', width: 512, height: 512 }
    const taskUUID = '0b5ff7d3-2f3a-4f6e-9d77-0d5a3c1f7a11'
    const create = () =>
      fetch(runware.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${runware.keys[0]}` },
        body: JSON.stringify([{ ...task, taskUUID }]),
      })
    await control(simulation, 'POST', 'scripts', { provider, fault: 'create.429_daily' })
    await control(simulation, 'POST', 'scripts', {
      provider,
      script: { create: { problem: { code: 'modelNotFound' } } },
    })
    await control(simulation, 'POST', 'limits', { provider, credits: 0.1 })
    expect([(await create()).status, (await create()).status, (await create()).status]).toEqual([429, 404, 402])
    await control(simulation, 'POST', 'limits', { provider, credits: 10 })
    await control(simulation, 'POST', 'troubles', { provider, down: { ms: 1000 } })
    expect((await create()).status).toBe(503)
    await control(simulation, 'POST', 'clock', { advanceMs: 1000 })
    expect((await create()).status).toBe(200)
    await control(simulation, 'POST', 'clock', { advanceMs: 12_000 })
    expect((await control(simulation, 'GET', 'tasks?provider=runware')).json).toMatchObject([
      { taskUUID, status: 'success' },
    ])
    expect((await control(simulation, 'GET', 'ledger?provider=runware')).json).toMatchObject({ costUsd: 0.2535 })
    expect((await control(simulation, 'GET', 'faults?provider=runware')).json).toContain('create.conflict_uuid')
    expect((await control(simulation, 'GET', 'pushes')).json).toEqual([])
    await control(simulation, 'POST', 'reset')
    expect(runware.tasks()).toEqual([])
    expect(await control(simulation, 'POST', 'scripts', { provider, fault: 'poll.throttled' })).toMatchObject({
      status: 400,
    })
  })

  test('says what it knows when it is asked something else, and what is wrong with a body', async ({ start }) => {
    const simulation = await start()
    expect(await control(simulation, 'GET', '')).toMatchObject({ status: 404, json: { controls: expect.any(Array) } })
    expect((await control(simulation, 'GET', 'faults')).json).toContain('poll.failed')
    expect(await control(simulation, 'POST', 'scripts', { fault: 'nothing' })).toMatchObject({ status: 400 })
    expect(await control(simulation, 'POST', 'clock', { advanceMs: -1 })).toMatchObject({ status: 400 })
    const real = await start({ clock: 'real' })
    expect(await control(real, 'POST', 'clock', { advanceMs: 1 })).toMatchObject({ status: 409 })
  })
})
