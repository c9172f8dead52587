import { describe, expect } from 'vitest'
import { type Simulation, test } from '../simulation.fixture.ts'

const statusOf = async (simulation: Simulation, id: string) => (await simulation.poll(id)).json.status
const statuses = (simulation: Simulation) => simulation.sim.runway.tasks().map(({ status }) => status)
const HOUR_MS = 60 * 60 * 1000

describe('the concurrency cap', () => {
  test('holds what exceeds it as THROTTLED and promotes the oldest as slots come free', async ({ start }) => {
    const simulation = await start({ runway: { concurrency: 2 } })
    for (let count = 0; count < 5; count += 1) await simulation.created()
    expect(statuses(simulation)).toEqual(['PENDING', 'PENDING', 'THROTTLED', 'THROTTLED', 'THROTTLED'])
    simulation.sim.clock.advance(22_000)
    expect(statuses(simulation)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'PENDING', 'PENDING', 'THROTTLED'])
    simulation.sim.clock.advance(44_000)
    const tasks = simulation.sim.runway.tasks()
    const startedAtMs = tasks.map((task) => (task.startedAtMs ?? 0) - task.createdAtMs)
    expect(startedAtMs).toEqual([0, 0, 22_000, 22_000, 44_000])
    expect(statuses(simulation)).toEqual(Array.from({ length: 5 }, () => 'SUCCEEDED'))
  })

  test('is counted per key and per model', async ({ start }) => {
    const simulation = await start({ runway: { concurrency: 1, keys: ['key_a', 'key_b'] } })
    await simulation.create({}, { key: 'key_a' })
    await simulation.create({}, { key: 'key_b' })
    await simulation.create({ model: 'veo3.1', duration: 8 }, { key: 'key_a' })
    await simulation.create({}, { key: 'key_a' })
    expect(statuses(simulation)).toEqual(['PENDING', 'PENDING', 'PENDING', 'THROTTLED'])
  })

  test('gives the slot of a canceled task to the next one, and passes over a canceled one in line', async ({
    start,
  }) => {
    const simulation = await start({ runway: { concurrency: 1 } })
    const [first = '', second = '', third = ''] = [
      await simulation.created(),
      await simulation.created(),
      await simulation.created(),
    ]
    await simulation.call('DELETE', `/v1/tasks/${second}`)
    expect(await statusOf(simulation, third)).toBe('THROTTLED')
    await simulation.call('DELETE', `/v1/tasks/${first}`)
    expect(await statusOf(simulation, third)).toBe('PENDING')
  })

  test('starts waiting tasks at once when it is raised', async ({ start }) => {
    const simulation = await start({ runway: { concurrency: 1 } })
    const ids = [await simulation.created(), await simulation.created()]
    simulation.sim.runway.setConcurrency(2, 'gen4.5')
    expect(await statusOf(simulation, ids[1] ?? '')).toBe('PENDING')
  })

  test('lets a task that fails at a poll free its slot then', async ({ start }) => {
    const simulation = await start({ runway: { concurrency: 1 } })
    simulation.sim.runway.fault('poll.failed', { now: true })
    const [first = '', second = ''] = [await simulation.created(), await simulation.created()]
    expect(await statusOf(simulation, second)).toBe('THROTTLED')
    expect(await statusOf(simulation, first)).toBe('FAILED')
    expect(await statusOf(simulation, second)).toBe('PENDING')
  })
})

describe('the daily cap', () => {
  test('refuses what exceeds it in any 24 hours of clock time, per model', async ({ start }) => {
    const simulation = await start({ runway: { dailyCap: 2 } })
    const status = async (changes = {}) => (await simulation.create(changes)).status
    expect(await status()).toBe(200)
    simulation.sim.clock.advance(12 * HOUR_MS)
    expect(await status()).toBe(200)
    expect(await simulation.create()).toMatchObject({
      status: 429,
      json: { error: 'Your daily task limit has been reached.' },
    })
    expect(await status({ model: 'veo3.1', duration: 8 })).toBe(200)
    simulation.sim.clock.advance(12 * HOUR_MS - 1)
    expect(await status()).toBe(429)
    simulation.sim.clock.advance(1)
    expect(await status()).toBe(200)
    expect(await status()).toBe(429)
  })
})

describe('credits', () => {
  test('are reserved on create, refunded for a failure and refused when there are too few', async ({ start }) => {
    const simulation = await start({ runway: { credits: 100 } })
    simulation.sim.runway.fault('poll.failed', { now: true })
    const id = await simulation.created()
    const refused = { status: 400, json: { error: 'You do not have enough credits to run this task.' } }
    expect(await simulation.create()).toMatchObject(refused)
    await simulation.poll(id)
    await simulation.created()
    simulation.sim.runway.setCredits(0)
    expect(await simulation.create()).toMatchObject(refused)
  })

  test('are booked in the ledger with the creates per marker', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.fault('create.accept_then_drop')
    await expect(simulation.create({ promptText: 'a lake [[job:7]] at dawn' })).rejects.toThrow()
    await simulation.created({ promptText: 'a lake [[job:7]] at dawn' })
    const { entries, markers, creditsCharged } = simulation.sim.runway.ledger()
    expect(markers).toEqual({ '[[job:7]]': { requests: 2, tasks: 2 } })
    expect(entries).toMatchObject([{ estimatedCredits: 60, finalCredits: undefined }, { marker: '[[job:7]]' }])
    expect(creditsCharged).toBe(0)
    simulation.sim.clock.advance(30_000)
    expect(simulation.sim.runway.ledger()).toMatchObject({ creditsCharged: 120, entries: [{ finalCredits: 60 }, {}] })
  })
})

describe('keys', () => {
  test('let nobody in who has none, a wrong one, a revoked or a suspended one', async ({ start }) => {
    const simulation = await start()
    const error = async (options = {}) => {
      const { status, json } = await simulation.call('GET', '/v1/organization', options)
      return [status, json.error]
    }
    expect(simulation.key).toMatch(/^key_[0-9a-f]{128}$/)
    expect(await error({ headers: { authorization: '' } })).toEqual([401, expect.stringContaining('No API key')])
    expect(await error({ key: 'key_wrong' })).toEqual([401, 'The API key is not valid.'])
    simulation.sim.runway.addKey('key_new')
    expect(await error({ key: 'key_new' })).toEqual([200, undefined])
    simulation.sim.runway.setKeyStatus('key_new', 'suspended')
    expect(await error({ key: 'key_new' })).toEqual([401, 'This account has been suspended.'])
    simulation.sim.runway.revokeKey(simulation.key)
    expect(await error()).toEqual([401, 'The API key is not valid.'])
  })

  test('see only their own tasks', async ({ start }) => {
    const simulation = await start()
    simulation.sim.runway.addKey('key_other')
    const id = await simulation.created()
    expect((await simulation.poll(id, { key: 'key_other' })).status).toBe(404)
  })
})
