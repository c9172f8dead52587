import { describe, expect } from 'vitest'
import { download, type Simulation, test } from '../simulation.fixture.ts'

const kinds = ({ sim }: Simulation) => sim.violations().map(({ kind }) => kind)

describe('the watch', () => {
  test('keeps quiet about a client that behaves', async ({ start }) => {
    const simulation = await start()
    const id = await simulation.created()
    for (let count = 0; count < 5; count += 1) {
      simulation.sim.clock.advance(5000)
      await simulation.poll(id)
    }
    const { json } = await simulation.poll(id)
    await download(String(Object(json.output)[0]))
    await simulation.call('DELETE', `/v1/tasks/${id}`)
    expect(simulation.sim.violations()).toEqual([])
  })

  test('notes polls of one task that come too soon', async ({ start }) => {
    const simulation = await start()
    const id = await simulation.created()
    await simulation.poll(id)
    simulation.sim.clock.advance(4499)
    await simulation.poll(id)
    simulation.sim.clock.advance(4500)
    await simulation.poll(id)
    expect(simulation.sim.violations()).toMatchObject([{ kind: 'poll_too_soon', taskId: id }])
  })

  test('notes two polls of one task at once', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.script({ poll: [{ delayMs: 10_000, polls: 2 }] })
    const id = await simulation.created()
    const first = simulation.poll(id)
    await expect.poll(() => simulation.sim.journal()).toHaveLength(2)
    simulation.sim.clock.advance(5000)
    const second = simulation.poll(id)
    await expect.poll(() => kinds(simulation)).toEqual(['parallel_polls'])
    simulation.sim.clock.advance(10_000)
    await Promise.all([first, second])
  })

  test('notes polls of a task that was seen to fail', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('poll.failed', { now: true })
    const id = await simulation.created()
    await simulation.poll(id)
    expect(kinds(simulation)).toEqual([])
    simulation.sim.clock.advance(5000)
    await simulation.poll(id)
    expect(kinds(simulation)).toEqual(['poll_after_terminal'])
  })

  test('lets a finished task be asked for fresh URLs ten times', async ({ start }) => {
    const simulation = await start()
    const { id } = await simulation.succeeded()
    for (let count = 0; count < 10; count += 1) await simulation.poll(id)
    expect(kinds(simulation)).toEqual([])
    await simulation.poll(id)
    expect(kinds(simulation)).toEqual(['poll_after_terminal'])
  })

  for (const fault of [
    'create.accept_then_drop',
    'create.accept_then_5xx',
    'create.reject_5xx',
    'create.200_html',
  ] as const) {
    test(`notes a create repeated within a second after ${fault}`, async ({ start }) => {
      const simulation = await start()
      simulation.sim.runway.fault(fault)
      await simulation.create().catch(() => undefined)
      simulation.sim.clock.advance(999)
      await simulation.create({ promptText: 'another lake' })
      expect(kinds(simulation)).toEqual([])
      await simulation.create()
      expect(kinds(simulation)).toEqual(['create_retried_blindly'])
    })
  }

  test('does not mind a create repeated after a second, or after a clear refusal', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('create.reject_5xx')
    await simulation.create()
    simulation.sim.clock.advance(1000)
    await simulation.create()
    simulation.sim.runway.fault('create.429_daily')
    await simulation.create()
    await simulation.create()
    expect(kinds(simulation)).toEqual([])
  })

  test('notes an API key that is sent to the asset host or the upload storage', async ({ start }) => {
    const simulation = await start()
    const headers = { authorization: `Bearer ${simulation.key}` }
    await download(`${simulation.sim.assets.url}/samples/input.png`, { headers })
    const { json } = await simulation.call('POST', '/v1/uploads', { body: { filename: 'a.png', type: 'ephemeral' } })
    await download(String(json.uploadUrl), { method: 'POST', headers, body: new FormData() })
    expect(simulation.sim.violations().map(({ detail }) => detail)).toEqual([
      'Authorization was sent to the asset host',
      'Authorization was sent to the upload storage',
    ])
    expect(JSON.stringify(simulation.sim.journal())).not.toContain(simulation.key)
  })

  test('notes a finished task that is deleted before all of its outputs were fetched', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('poll.succeeded_multi', { n: 2 })
    const { id, url } = await simulation.succeeded()
    await download(url)
    await simulation.call('DELETE', `/v1/tasks/${id}`)
    expect(simulation.sim.violations()).toMatchObject([{ kind: 'deleted_before_download', taskId: id }])
  })

  test('counts an output that was fetched in ranges as fetched', async ({ start }) => {
    const simulation = await start()
    const { id, url } = await simulation.succeeded()
    const size = simulation.sim.runway.expectedOutput(id).bytes.length
    await download(url, { headers: { range: 'bytes=0-999' } })
    await download(url, { headers: { range: `bytes=1000-${size}` } })
    await simulation.call('DELETE', `/v1/tasks/${id}`)
    expect(simulation.sim.violations()).toEqual([])
  })
})
