import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type SimulatedRunway, simulateRunway } from './simulate-runway.fixture.ts'

let world: SimulatedRunway
beforeAll(async () => {
  world = await simulateRunway()
})
beforeEach(() => world.sim.reset())
// Whatever goes wrong: the version is named and the key stays with the vendor.
afterEach(() => {
  const kinds = world.sim.violations().map(({ kind }) => kind)
  for (const kind of ['version_header', 'authorization_leaked']) expect(kinds).not.toContain(kind)
})
afterAll(() => world.close())

type Fault = Parameters<SimulatedRunway['sim']['runway']['fault']>
type Case = [id: Fault[0], args: NonNullable<Fault[1]>, expected: object]

const UNKNOWN = { kind: 'unknown' }
const ACCEPTED = { kind: 'accepted', taskId: expect.any(String), estimatedCost: { amount: 24, unit: 'credits' } }
const refused = (code: string, providerMessage: unknown = expect.any(String)) => ({
  kind: 'refused',
  error: { code, retryable: false, providerMessage },
})
const limited = (retryAfterMs: number) => ({
  kind: 'not_accepted',
  reason: 'rate_limited',
  rests: 'key_and_model',
  retryAfterMs,
})

describe('A. a create', () => {
  it.each<Case>([
    ['create.ok', {}, ACCEPTED],
    ['create.ok_no_estimate', {}, { kind: 'accepted', taskId: expect.any(String) }],
    ['create.accept_then_drop', {}, UNKNOWN],
    ['create.accept_then_5xx', { status: 502 }, UNKNOWN],
    ['create.accept_then_5xx', { status: 503, body: 'html' }, UNKNOWN],
    ['create.accept_then_5xx', { status: 504, body: 'empty' }, UNKNOWN],
    ['create.reject_5xx', { status: 502 }, UNKNOWN],
    ['create.reject_5xx', { status: 503, body: 'html' }, UNKNOWN],
    ['create.reset_before_accept', {}, UNKNOWN],
    ['create.200_html', {}, UNKNOWN],
    ['create.200_html', { accept: false }, UNKNOWN],
    ['create.200_empty', {}, UNKNOWN],
    ['create.200_truncated', { how: 'json' }, UNKNOWN],
    ['create.200_truncated', { how: 'socket' }, UNKNOWN],
    ['create.200_no_id', {}, UNKNOWN],
    ['create.redirect', { status: 307 }, UNKNOWN],
    ['create.redirect', { status: 302, to: 'same' }, UNKNOWN],
    ['create.400_validation', {}, refused('invalid_input', expect.stringMatching(/^ratio: Invalid option/))],
    ['create.400_asset', { reason: 'timeout' }, refused('invalid_input', expect.stringMatching(/^videoUri: Failed/))],
    ['create.400_unknown_field', {}, refused('invalid_input', 'Unrecognized key: "unknownField"')],
    ['create.400_bad_model', {}, refused('invalid_input', 'model: Invalid input')],
    ['create.400_no_credits', {}, { kind: 'not_accepted', reason: 'quota', rests: 'key' }],
    ['create.400_on_behalf_of', {}, refused('provider_configuration')],
    ['create.401', { reason: 'bad_key' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    ['create.401', { reason: 'suspended' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    ['create.401', { reason: 'wrong_version', body: 'html' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    ['create.403', {}, { kind: 'not_accepted', reason: 'auth', rests: 'key_and_model' }],
    ['create.404', {}, refused('invalid_input', 'Not Found')],
    ['create.405', { body: 'message' }, refused('invalid_input', 'Method Not Allowed')],
    ['create.413', { body: 'html' }, refused('invalid_input', 'HTTP 413')],
    ['create.415', { body: 'empty' }, refused('invalid_input', 'HTTP 415')],
    ['create.422', {}, refused('invalid_input')],
    ['create.429_daily', {}, limited(300_000)],
    ['create.429_daily', { retryAfter: '2' }, limited(2_000)],
    ['create.429_daily', { retryAfter: '90' }, limited(90_000)],
    ['create.429_daily', { retryAfter: 'date' }, limited(90_000)],
    ['create.429_daily', { retryAfter: 'garbage' }, limited(300_000)],
    ['create.429_daily', { retryAfter: 'negative' }, limited(300_000)],
    ['create.429_daily', { retryAfter: 'huge' }, limited(900_000)],
    ['create.429_daily', { body: 'message' }, limited(30_000)],
    ['create.429_daily', { body: 'empty' }, limited(30_000)],
    ['create.429_daily', { body: 'html' }, limited(30_000)],
  ])('under %s %j has the right outcome and was one request', async (id, args, expected) => {
    world.sim.runway.fault(id, args)
    expect(await world.submit()).toMatchObject(expected)
    expect(world.sim.journal()).toHaveLength(1)
  })

  it.each<[Fault[0], NonNullable<Fault[1]>]>([
    ['create.accept_then_hang', {}],
    ['create.slow', { ms: 60_000 }],
    ['create.trickle', { bytesPerSecond: 1 }],
  ])('under %s %j is unknown at our deadline', async (id, args) => {
    const impatient = await simulateRunway({ submitTimeoutMs: 300 })
    try {
      impatient.sim.runway.fault(id, args)
      expect(await impatient.submit()).toEqual({ kind: 'unknown', detail: 'no answer within 300 ms' })
      expect(impatient.sim.journal()).toHaveLength(1)
    } finally {
      await impatient.close()
    }
  })

  it('under create.refused was not sent, so it can be sent again', async () => {
    const fresh = await simulateRunway()
    try {
      fresh.sim.runway.fault('create.refused', { ms: 1_000 })
      const refusal = { kind: 'not_accepted', reason: 'unavailable', rests: 'nothing', detail: 'ECONNREFUSED' }
      expect(await fresh.submit()).toEqual(refusal)
      fresh.sim.clock.advance(1_000)
      await vi.waitFor(async () => expect(await fresh.submit()).toMatchObject(ACCEPTED), 10_000)
      expect(fresh.sim.runway.tasks()).toHaveLength(1)
    } finally {
      await fresh.close()
    }
  })

  it('under create.429_burst is accepted once the burst is over', async () => {
    world.sim.runway.fault('create.429_burst', { n: 2 })
    const outcomes = [await world.submit(), await world.submit(), await world.submit()]
    expect(outcomes).toMatchObject([limited(30_000), limited(30_000), ACCEPTED])
  })
})

describe('B. a look', () => {
  const waiting = (phase: string, rest: object = {}) => ({ kind: 'waiting', phase, ...rest })
  const error = (reason: string, rest: object = {}) => ({ kind: 'error', reason, ...rest })
  const failed = (code: string, retryable: boolean, rest: object = {}) => ({
    kind: 'failed',
    error: { code, retryable, ...rest },
    upstreamStatus: 'FAILED',
  })
  const credits = (amount: number) => ({ amount, unit: 'credits' })

  it.each<Case>([
    ['poll.throttled', {}, waiting('throttled', { upstreamStatus: 'THROTTLED', estimatedCost: credits(24) })],
    ['poll.throttled_forever', {}, waiting('throttled')],
    ['poll.status_flap', {}, waiting('running', { progress: 0.4 })],
    ['poll.unknown_status', { status: 'PROCESSING' }, waiting('running', { upstreamStatus: 'PROCESSING' })],
    ['poll.unknown_status', { status: 'QUEUED' }, waiting('queued')],
    ['poll.unknown_status', { status: 'FOO' }, waiting('queued', { upstreamStatus: 'FOO' })],
    ['poll.status_lowercase', {}, waiting('queued', { upstreamStatus: 'pending' })],
    ['poll.canceled_spelling', { now: true }, { kind: 'canceled', upstreamStatus: 'CANCELED', cost: credits(0) }],
    ['poll.cancelled', { now: true }, { kind: 'canceled', upstreamStatus: 'CANCELLED', cost: credits(0) }],
    ['poll.404_lag', {}, { kind: 'missing' }],
    ['poll.404_forever', {}, { kind: 'missing' }],
    ['poll.5xx', { status: 500, body: 'html' }, error('unavailable')],
    ['poll.5xx', { status: 503, retryAfter: '7' }, error('unavailable', { retryAfterMs: 7_000 })],
    ['poll.429', { retryAfter: '7' }, error('rate_limited', { retryAfterMs: 7_000 })],
    ['poll.429', { retryAfter: 'garbage', body: 'html' }, error('rate_limited')],
    ['poll.drop', {}, error('unavailable')],
    ['poll.html', {}, error('protocol')],
    ['poll.truncated', { how: 'json' }, error('protocol')],
    ['poll.truncated', { how: 'socket' }, error('unavailable')],
    ['poll.stuck', {}, waiting('running', { progress: 0.5 })],
    ['poll.failed', { now: true, code: 'SAFETY.INPUT.TEXT' }, failed('moderation', false)],
    ['poll.failed', { now: true, code: 'SAFETY.OUTPUT.IMAGE' }, failed('moderation', false)],
    ['poll.failed', { now: true, code: 'INPUT_PREPROCESSING.SAFETY.TEXT' }, failed('moderation', false)],
    ['poll.failed', { now: true, code: 'INPUT_PREPROCESSING.SAFETY.THIRD_PARTY' }, failed('moderation', false)],
    ['poll.failed', { now: true, code: 'INPUT_PREPROCESSING.INTERNAL' }, failed('provider_failed', true)],
    ['poll.failed', { now: true, code: 'INTERNAL.BAD_OUTPUT.CODE01' }, failed('provider_failed', true)],
    ['poll.failed', { now: true, code: 'THIRD_PARTY.UNAVAILABLE' }, failed('provider_failed', true)],
    ['poll.failed', { now: true, code: 'ASSET.INVALID' }, failed('invalid_input', false)],
    ['poll.failed', { now: true, code: 'INTERNAL' }, failed('provider_failed', true, { providerCode: 'INTERNAL' })],
    ['poll.failed', { now: true, code: 'null' }, failed('provider_failed', true)],
    ['poll.failed', { now: true, code: 'missing', failure: 'missing' }, failed('provider_failed', true)],
    ['poll.failed', { now: true, code: 'NEW.CODE' }, failed('provider_failed', true, { providerCode: 'NEW.CODE' })],
  ])('under %s %j has the right outcome', async (id, args, expected) => {
    world.sim.runway.fault(id, args)
    expect(await world.poll(await world.accepted())).toMatchObject(expected)
  })

  it('under poll.hang is an error at our deadline', async () => {
    const impatient = await simulateRunway({ pollTimeoutMs: 300 })
    try {
      impatient.sim.runway.fault('poll.hang')
      expect(await impatient.poll(await impatient.accepted())).toMatchObject(error('unavailable'))
    } finally {
      await impatient.close()
    }
  })

  it.each(['missing', 'empty', 'blank', 'null'])('at success with the output %s is empty_output', async (how) => {
    world.sim.runway.fault('poll.succeeded_no_output', { how, now: true })
    const outcome = await world.poll(await world.accepted())
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'empty_output' }, cost: credits(24) })
  })

  it('under poll.succeeded_multi gives every URL in its order', async () => {
    world.sim.runway.fault('poll.succeeded_multi', { now: true })
    const outcome = await world.poll(await world.accepted())
    const endings = outcome.kind === 'succeeded' ? outcome.urls.map((url) => new URL(url).pathname.slice(-4)) : []
    expect(endings).toEqual(['.mp4', '.png', '.wav'])
  })

  it('under poll.progress stays between 0 and 1, or says nothing', async () => {
    world.sim.runway.fault('poll.progress', { list: '0,missing,0.45,0.45,0.2,1,1.7,45,-1' })
    const taskId = await world.accepted()
    const seen: (number | undefined)[] = []
    for (let look = 0; look < 9; look += 1) {
      const outcome = await world.poll(taskId)
      seen.push(outcome.kind === 'waiting' ? outcome.progress : Number.NaN)
    }
    expect(seen).toEqual([0, undefined, 0.45, 0.45, 0.2, 1, 0.017, 0.45, 0])
  })

  it.each([
    [{ cost: 1 }, credits(1)],
    [{ cost: 0 }, credits(0)],
    [{ cost: 'missing' }, undefined],
  ])('under poll.cost %j tells the charge as it is', async (args, cost) => {
    world.sim.runway.fault('poll.cost', args)
    const taskId = await world.accepted()
    world.finishTasks()
    const outcome = await world.poll(taskId)
    expect(outcome.kind === 'succeeded' && outcome.cost).toEqual(cost)
  })

  it('under poll.401_midway is an error of the key, then goes on', async () => {
    world.sim.runway.fault('poll.401_midway')
    const taskId = await world.accepted()
    const outcomes = [await world.poll(taskId), await world.poll(taskId), await world.poll(taskId)]
    expect(outcomes).toMatchObject([waiting('queued'), error('auth'), waiting('queued')])
  })

  it('under poll.fresh_urls and poll.terminal_flip tells what it sees, each time anew', async () => {
    world.sim.runway.fault('poll.terminal_flip', { now: true })
    const flipped = await world.accepted()
    expect([await world.poll(flipped), await world.poll(flipped)]).toMatchObject([
      { kind: 'succeeded' },
      waiting('running'),
    ])
    world.sim.runway.fault('poll.fresh_urls')
    const taskId = await world.accepted()
    world.finishTasks()
    const [first, second] = [await world.poll(taskId), await world.poll(taskId)]
    expect(first.kind).toBe('succeeded')
    expect(first).not.toEqual(second)
  })
})

describe('D. a cancel or an upload', () => {
  it.each<Case>([
    ['del.204_then_404', {}, { kind: 'gone' }],
    ['del.404', {}, { kind: 'gone' }],
    ['del.race_succeeds_first', {}, { kind: 'gone' }],
    ['del.5xx', { retryAfter: '7' }, { kind: 'retry', retryAfterMs: 7_000 }],
  ])('under %s %j: a cancel', async (id, args, expected) => {
    world.sim.runway.fault(id, args)
    const taskId = await world.accepted()
    expect(await world.provider.cancel(taskId, world.call())).toMatchObject(expected)
  })

  const upload = (bytes: number) => {
    const content = Buffer.alloc(bytes, 7)
    const open = async () =>
      (async function* () {
        yield content
      })()
    return world.provider.prepareInput({ bytes, contentType: 'video/mp4', filename: 'a.mp4', open }, world.call())
  }
  const LARGE = 4 * 1024 * 1024

  it.each<Case>([
    ['upload.placeholder_429', { retryAfter: '7' }, { kind: 'retry', retryAfterMs: 7_000 }],
    ['upload.storage_403', {}, { kind: 'retry' }],
    ['upload.storage_503', {}, { kind: 'retry' }],
    ['upload.storage_drop', {}, { kind: 'retry' }],
    ['upload.no_runwayUri', {}, { kind: 'refused', error: { code: 'input_unavailable' } }],
  ])('under %s %j: an upload', async (id, args, expected) => {
    world.sim.runway.fault(id, args)
    expect(await upload(LARGE)).toMatchObject(expected)
    expect(await upload(LARGE)).toMatchObject({ kind: 'ready' })
  })

  it('an input is handed over so that the vendor takes it, inline up to its limit and uploaded beyond', async () => {
    const prefix = 'data:video/mp4;base64,'.length
    const largestInline = Math.floor((5 * 1024 * 1024 - prefix) / 4) * 3
    const inline = await upload(largestInline)
    const uploaded = await upload(largestInline + 1)
    expect(inline).toMatchObject({ kind: 'ready', value: expect.stringMatching(/^data:/) })
    expect(uploaded).toMatchObject({ kind: 'ready', value: expect.stringMatching(/^runway:/) })
    for (const prepared of [inline, uploaded]) {
      const videoUri = prepared.kind === 'ready' ? prepared.value : ''
      const task = { operation: 'video_to_video', body: { model: 'aleph2', videoUri }, clientRef: 'ref' }
      expect(await world.provider.submit(task, world.call())).toMatchObject({ kind: 'accepted' })
    }
    expect(world.sim.violations()).toEqual([])
  })
})
