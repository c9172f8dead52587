import { Secret } from '@genqueue/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { VendorBody } from '../provider.ts'
import { type SimulatedRunware, simulateRunware, TASK } from './simulate-runware.fixture.ts'

let world: SimulatedRunware
beforeAll(async () => {
  world = await simulateRunware()
})
beforeEach(() => world.sim.reset())
afterAll(() => world.close())

type Fault = Parameters<SimulatedRunware['sim']['runware']['fault']>
const waiting = (phase: string, rest: object = {}) => ({ kind: 'waiting', phase, ...rest })
const error = (reason: string, rest: object = {}) => ({ kind: 'error', reason, ...rest })
const failed = (code: string, rest: object = {}) => ({ kind: 'failed', error: { code, ...rest } })

async function under(id: Fault[0], args: Fault[1] = {}, body: VendorBody = TASK.body) {
  world.sim.runware.fault(id, args)
  return world.accepted(body)
}
async function looks(taskId: string, count: number) {
  const outcomes: Awaited<ReturnType<typeof world.poll>>[] = []
  for (let look = 0; look < count; look += 1) {
    world.sim.clock.advance(1_000)
    outcomes.push(await world.poll(taskId))
  }
  return outcomes
}

describe('B. a look', () => {
  it('under poll.progress is a share from 0 to 1, or without one', async () => {
    const outcomes = await looks(await under('poll.progress'), 7)
    const shares = outcomes.map((one) => (one.kind === 'waiting' ? one.progress : one.kind))
    expect(shares).toEqual([0, undefined, 0.45, 0.45, 0.2, 1, 1])
  })

  it.each<[Fault[0], NonNullable<Fault[1]>, object[]]>([
    [
      'poll.status_flap',
      {},
      [waiting('running'), waiting('running', { upstreamStatus: 'pending' }), waiting('running')],
    ],
    ['poll.pending_word', {}, [waiting('running', { upstreamStatus: 'pending' })]],
    ['poll.unknown_status', {}, [waiting('running', { upstreamStatus: 'FOO' })]],
    ['poll.unknown_status', { status: 'QUEUED' }, [waiting('running', { upstreamStatus: 'QUEUED' })]],
    ['poll.5xx', {}, [error('unavailable'), waiting('running')]],
    ['poll.5xx', { status: 502 }, [error('unavailable'), waiting('running')]],
    ['poll.429', { retryAfter: '7' }, [error('rate_limited', { retryAfterMs: 7_000 }), waiting('running')]],
    ['poll.drop', {}, [error('unavailable'), waiting('running')]],
    ['poll.html', {}, [error('protocol'), waiting('running')]],
    ['poll.truncated', { how: 'json' }, [error('protocol'), waiting('running')]],
    ['poll.truncated', { how: 'socket' }, [error('unavailable'), waiting('running')]],
    ['poll.401_midway', {}, [waiting('running'), error('auth'), waiting('running')]],
    ['poll.empty_data', { n: 2 }, [waiting('queued'), waiting('queued'), waiting('running')]],
    ['poll.taskNotFound', { n: 1 }, [waiting('running'), waiting('running')]],
    ['poll.taskExpired', { n: 1 }, [waiting('running'), waiting('running')]],
    ['poll.foreign_uuid', {}, [waiting('running')]],
  ])('under %s %j does not end the task', async (id, args, expected) => {
    expect(await looks(await under(id, args), expected.length)).toMatchObject(expected)
  })

  it.each<[Fault[0], NonNullable<Fault[1]>, object]>([
    ['poll.status_lowercase', {}, { kind: 'succeeded' }],
    ['poll.canceled_spelling', {}, { kind: 'canceled' }],
    ['poll.canceled_spelling', { status: 'cancelled' }, { kind: 'canceled' }],
    ['poll.cost', { cost: '0.01' }, { kind: 'succeeded', cost: { amount: 0.01, unit: 'usd' } }],
    ['poll.cost', { cost: '0' }, { kind: 'succeeded', cost: { amount: 0 } }],
    ['poll.item_error', {}, failed('provider_failed', { providerCode: 'providerError', retryable: true })],
    ['poll.errors_array', {}, failed('provider_failed', { providerCode: 'providerError', retryable: true })],
    ['poll.errors_array', { code: 'timeoutProvider' }, failed('provider_failed')],
    ['poll.item_error', { code: 'providerContentPolicyViolation' }, failed('moderation', { retryable: false })],
    ['poll.errors_array', { code: 'invalidProviderContent' }, failed('moderation')],
    ['poll.errors_array', { code: 'unsupportedDuration' }, failed('invalid_input')],
    ['poll.success_no_asset', {}, failed('empty_output')],
    ['poll.success_nsfw', { url: true }, failed('moderation')],
    ['poll.success_nsfw', { url: false }, failed('moderation')],
    ['poll.missing_status_with_asset', {}, { kind: 'succeeded' }],
    ['poll.taskNotFound', {}, { kind: 'succeeded' }],
    ['poll.taskExpired', {}, { kind: 'succeeded' }],
    ['poll.bigint_seed', {}, { kind: 'succeeded', details: [{ seed: '9223372036854775807' }] }],
    [
      'poll.param_array',
      {},
      failed('invalid_input', {
        providerMessage: expect.stringContaining('(parameter: width, height, referenceImages)'),
      }),
    ],
    ['poll.foreign_uuid', {}, { kind: 'succeeded', urls: [expect.not.stringContaining('somebody-elses')] }],
    ['poll.wrong_task_type', {}, { kind: 'succeeded' }],
    ['poll.duplicate_items', { n: 3 }, { kind: 'succeeded', urls: [expect.any(String)] }],
    ['hook.lost', {}, { kind: 'succeeded' }],
  ])('at the end, under %s %j', async (id, args, expected) => {
    const taskId = await under(id, args)
    world.finishTasks()
    const [first, second] = await looks(taskId, 2)
    expect(second ?? first).toMatchObject(expected)
    if (id === 'poll.duplicate_items')
      expect(second).toMatchObject({ cost: { amount: world.sim.runware.ledger().costUsd } })
  })

  it('under poll.cost without a cost has none', async () => {
    const taskId = await under('poll.cost', { cost: 'missing' })
    world.finishTasks()
    expect(await world.poll(taskId)).not.toHaveProperty('cost')
  })

  it('under poll.terminal_flip is what the vendor shows each time', async () => {
    const taskId = await under('poll.terminal_flip')
    world.finishTasks()
    expect(await looks(taskId, 2)).toMatchObject([{ kind: 'succeeded' }, waiting('running', { progress: 0.5 })])
  })

  it('under poll.stuck waits', async () => {
    const taskId = await under('poll.stuck')
    world.sim.clock.advance(86_400_000)
    expect(await world.poll(taskId, { ageMs: 86_400_000 })).toMatchObject(waiting('running'))
  })

  it.each(['errors', 'item'])(
    'under poll.partial (%s) waits for the rest and keeps what was made',
    async (encoding) => {
      const body = { ...TASK.body, numberResults: 4 }
      const taskId = await under('poll.partial', { ok: 2, failed: 1, encoding }, body)
      world.sim.clock.advance(13_000)
      expect(await world.poll(taskId, { ageMs: 13_000, results: 4 })).toMatchObject(waiting('running'))
      world.finishTasks()
      expect(await world.poll(taskId, { ageMs: 73_000, results: 4 })).toMatchObject({
        kind: 'succeeded',
        urls: [expect.any(String), expect.any(String), expect.any(String)],
        failures: [{ code: 'provider_failed' }],
        cost: { amount: world.sim.runware.ledger().costUsd },
      })
    },
  )

  it('under poll.hang gives up at our deadline', async () => {
    const impatient = await simulateRunware({ pollTimeoutMs: 200 })
    try {
      impatient.sim.runware.fault('poll.hang')
      const taskId = await impatient.accepted()
      expect(await impatient.poll(taskId)).toEqual(error('unavailable', { detail: 'no answer within 200 ms' }))
      expect(await impatient.poll(taskId)).toMatchObject(waiting('running'))
    } finally {
      await impatient.close()
    }
  })

  it('when the vendor has lost its tasks is missing, and with another key as well', async () => {
    const taskId = await world.accepted()
    world.finishTasks()
    world.sim.runware.addKey('another')
    const other = { key: new Secret('another'), signal: new AbortController().signal }
    expect(await world.provider.poll(taskId, other)).toEqual({ kind: 'missing' })
    world.sim.runware.restart('lose')
    await expect.poll(() => world.poll(taskId, {})).toEqual({ kind: 'missing' })
  })

  it('after the vendor’s retention finds the end in the details', async () => {
    const taskId = await world.accepted()
    world.sim.clock.advance(7_200_000)
    expect(await world.poll(taskId, { ageMs: 7_200_000 })).toMatchObject({
      kind: 'succeeded',
      urls: [expect.any(String)],
    })
  })
})

describe('twenty tasks in one request', () => {
  it('each have the outcome of their own, whatever became of the others', async () => {
    const ids: string[] = []
    const faults: [Fault[0], NonNullable<Fault[1]>, object][] = [
      ['poll.item_error', {}, failed('provider_failed')],
      ['poll.errors_array', { code: 'promptBlocked' }, failed('moderation')],
      ['poll.taskExpired', {}, { kind: 'succeeded' }],
      ['poll.stuck', {}, waiting('running')],
      ['poll.duplicate_items', {}, { kind: 'succeeded' }],
      ['poll.success_no_asset', {}, failed('empty_output')],
      ['poll.foreign_uuid', {}, { kind: 'succeeded' }],
      ['create.conflict_but_unknown', {}, { kind: 'missing' }],
    ]
    for (const [id, args] of faults) ids.push(await under(id, args))
    while (ids.length < 20) ids.push(await world.accepted())
    world.finishTasks()
    const before = world.sim.journal().length
    const outcomes = await world.provider.pollMany?.(
      ids.map((taskId) => ({ taskId, ageMs: 60_000 })),
      world.call(),
    )
    expect(world.sim.journal()).toHaveLength(before + 2)
    const expected = [...faults.map(([, , outcome]) => outcome), ...Array(12).fill({ kind: 'succeeded' })]
    expect(ids.map((id) => outcomes?.get(id))).toMatchObject(expected)
  })
})
