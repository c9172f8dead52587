import { Secret } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { limitsOutcome } from './limits-outcome.ts'
import { type SimulatedRunway, simulateRunway } from './simulate-runway.fixture.ts'

let world: SimulatedRunway
beforeAll(async () => {
  world = await simulateRunway()
})
afterAll(() => world.close())

const answered = (status: number, body: unknown) =>
  limitsOutcome({
    kind: 'answered',
    status,
    headers: {},
    text: typeof body === 'string' ? body : JSON.stringify(body),
  })
const read = () => world.provider.limits?.(world.call())

test('tells balance, limits and today’s use of each model', async () => {
  const { runway } = world.sim
  runway.setConcurrency(2, 'gen4.5')
  await world.accepted()
  const outcome = await read()
  if (outcome?.kind !== 'known') throw new Error(outcome?.kind)
  expect(outcome.limits.credits).toBeGreaterThan(0)
  expect(outcome.limits.models['gen4.5']).toEqual({ maxConcurrent: 2, maxPerDay: null, usedToday: 1 })
  expect(outcome.limits.models.gen4_turbo).toMatchObject({ usedToday: 0 })
  expect(world.sim.violations()).toEqual([])
})

test.each([
  [
    'org.null_limits',
    {},
    { kind: 'known', limits: { models: { 'gen4.5': { maxConcurrent: null, maxPerDay: null } } } },
  ],
  ['org.zero_credit', {}, { kind: 'known', limits: { credits: 0 } }],
  ['org.error', {}, { kind: 'error', reason: 'unavailable', detail: 'HTTP 500' }],
  ['org.error', { status: 200, body: 'html' }, { kind: 'error', reason: 'protocol' }],
  ['org.error', { status: 200, body: 'message' }, { kind: 'error', reason: 'protocol' }],
  ['org.error', { status: 403 }, { kind: 'error', reason: 'auth' }],
] as const)('under %s %j it says what it knows', async (fault, args, expected) => {
  world.sim.runway.fault(fault, args)
  expect(await read()).toMatchObject(expected)
})

test('a wrong key, and a vendor that is away, say nothing of limits', async () => {
  const call = { ...world.call(), key: new Secret('key_wrong') }
  expect(await world.provider.limits?.(call)).toMatchObject({ kind: 'error', reason: 'auth' })
  expect(await world.unreachable.limits?.(world.call())).toMatchObject({ kind: 'error', reason: 'unavailable' })
})

test('numbers that make no sense are no limits, and the others stand', () => {
  const models = {
    odd: { maxConcurrentGenerations: 'two', maxDailyGenerations: -1 },
    zero: { maxConcurrentGenerations: 0, maxDailyGenerations: 2.9 },
    gone: null,
  }
  expect(answered(200, { creditBalance: 'much', tier: { models }, usage: { models: { zero: {} } } })).toEqual({
    kind: 'known',
    limits: {
      credits: null,
      models: {
        odd: { maxConcurrent: null, maxPerDay: null, usedToday: 0 },
        zero: { maxConcurrent: null, maxPerDay: 2, usedToday: 0 },
        gone: { maxConcurrent: null, maxPerDay: null, usedToday: 0 },
      },
    },
  })
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`m${n}`, {}]))
  expect(answered(200, { creditBalance: 1, tier: { models: many } })).toMatchObject({ limits: { models: {} } })
  for (const body of ['', '[]', 'null', '{}', '{"creditBalance"']) {
    expect(answered(200, body)).toMatchObject({ kind: 'error', reason: 'protocol' })
  }
})
