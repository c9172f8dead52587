import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type SimulatedRunware, simulateRunware } from './simulate-runware.fixture.ts'

let world: SimulatedRunware
beforeAll(async () => {
  world = await simulateRunware()
})
beforeEach(() => world.sim.reset())
afterAll(() => world.close())

type Fault = Parameters<SimulatedRunware['sim']['runware']['fault']>
type Case = [id: Fault[0], args: NonNullable<Fault[1]>, expected: object]

const UNKNOWN = { kind: 'unknown' }
const ACCEPTED = { kind: 'accepted', taskId: expect.any(String) }
const refused = (code: string, retryable = false) => ({ kind: 'refused', error: { code, retryable } })
const rests = (reason: string, what: string, rest: object = {}) => ({
  kind: 'not_accepted',
  reason,
  rests: what,
  ...rest,
})
const limited = (retryAfterMs: number) => rests('rate_limited', 'key_and_model', { retryAfterMs })

/** Repeats a create as whoever calls us does while it is unknown. */
async function settled(clientRef: string, body?: Parameters<SimulatedRunware['submit']>[0]) {
  for (let tries = 0; tries < 5; tries += 1) {
    const outcome = await world.submit(body, clientRef)
    if (outcome.kind !== 'unknown') return outcome
  }
  return undefined
}

describe('A. a create', () => {
  it.each<Case>([
    ['create.ok', {}, ACCEPTED],
    ['create.ack_empty', {}, ACCEPTED],
    ['create.conflict_uuid', {}, ACCEPTED],
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
    ['create.503_capacity', {}, UNKNOWN],
    ['create.504_queue', {}, UNKNOWN],
    ['create.401', { reason: 'bad_key' }, rests('auth', 'key')],
    ['create.401', { reason: 'no_key', body: 'html' }, rests('auth', 'key')],
    ['create.401', { reason: 'suspended' }, rests('auth', 'key')],
    ['create.402_credits', {}, rests('quota', 'key')],
    ['create.403', {}, rests('auth', 'key_and_model')],
    ['create.404', {}, refused('invalid_input')],
    ['create.405', { body: 'message' }, refused('invalid_input')],
    ['create.413', { body: 'html' }, refused('invalid_input')],
    ['create.415', { body: 'empty' }, refused('invalid_input')],
    ['create.422', {}, refused('moderation')],
    ['create.429_daily', {}, limited(10_000)],
    ['create.429_daily', { retryAfter: '2' }, limited(2_000)],
    ['create.429_daily', { retryAfter: 'date' }, limited(90_000)],
    ['create.429_daily', { retryAfter: 'garbage' }, limited(10_000)],
    ['create.429_daily', { retryAfter: 'negative' }, limited(10_000)],
    ['create.429_daily', { retryAfter: 'huge' }, limited(900_000)],
    ['create.429_daily', { body: 'html' }, limited(10_000)],
    ['create.errors_in_200', {}, refused('provider_failed', true)],
    ['create.errors_in_200', { code: 'insufficientCredits' }, rests('quota', 'key')],
    ['create.errors_in_200', { code: 'promptBlocked' }, refused('moderation')],
    ['create.partial_batch', {}, refused('invalid_input')],
    ['create.error_without_uuid', {}, refused('invalid_input')],
    ['create.error_without_uuid', { status: 200, code: 'timeoutProvider' }, refused('provider_failed', true)],
  ])('under %s %j has the right outcome and was one request', async (id, args, expected) => {
    world.sim.runware.fault(id, args)
    expect(await world.submit()).toMatchObject(expected)
    expect(world.sim.journal()).toHaveLength(1)
  })

  it.each<[Fault[0], NonNullable<Fault[1]>]>([
    ['create.accept_then_drop', {}],
    ['create.accept_then_5xx', { status: 503 }],
    ['create.reject_5xx', { n: 2 }],
    ['create.reset_before_accept', {}],
    ['create.200_html', { accept: true }],
    ['create.200_html', { accept: false }],
    ['create.200_truncated', { how: 'socket' }],
    ['create.200_no_id', { accept: false }],
    ['create.redirect', { status: 307 }],
    ['create.503_capacity', {}],
    ['create.504_queue', {}],
  ])('under %s %j is settled by the same create again, and is charged once', async (id, args) => {
    world.sim.runware.fault(id, args)
    const clientRef = randomUUID()
    expect(await settled(clientRef)).toEqual({ kind: 'accepted', taskId: clientRef })
    world.finishTasks()
    expect(await world.poll(clientRef)).toMatchObject({ kind: 'succeeded' })
    expect(world.sim.runware.ledger().entries.map(({ charges }) => charges)).toEqual([1])
  })

  it('that is called taken, and that nobody knows, is missing in the end', async () => {
    world.sim.runware.fault('create.conflict_but_unknown')
    const taskId = await world.accepted()
    expect(await world.poll(taskId)).toMatchObject({ kind: 'waiting', phase: 'queued' })
    expect(await world.poll(taskId, { ageMs: 60_000 })).toEqual({ kind: 'missing' })
  })

  it('that is called taken, and only has details, ends as they say', async () => {
    world.sim.runware.fault('create.conflict_but_unknown', { details: true })
    const taskId = await world.accepted()
    expect(await world.poll(taskId, { ageMs: 60_000 })).toMatchObject({ kind: 'waiting' })
    world.finishTasks()
    expect(await world.poll(taskId, { ageMs: 60_000 })).toMatchObject({ kind: 'succeeded' })
  })

  it.each<[Fault[0], NonNullable<Fault[1]>]>([
    ['create.accept_then_hang', {}],
    ['create.slow', { ms: 60_000 }],
    ['create.trickle', { bytesPerSecond: 1 }],
  ])('under %s %j is unknown at our deadline', async (id, args) => {
    const impatient = await simulateRunware({ submitTimeoutMs: 200 })
    try {
      impatient.sim.runware.fault(id, args)
      expect(await impatient.submit()).toEqual({ kind: 'unknown', detail: 'no answer within 200 ms' })
      expect(impatient.sim.journal()).toHaveLength(1)
    } finally {
      await impatient.close()
    }
  })

  it('under create.refused was not sent', async () => {
    const fresh = await simulateRunware()
    try {
      fresh.sim.runware.fault('create.refused', { ms: 1_000 })
      expect(await fresh.submit()).toMatchObject(rests('unavailable', 'nothing', { detail: 'ECONNREFUSED' }))
      fresh.sim.clock.advance(1_000)
      await vi.waitFor(async () => expect(await fresh.submit()).toMatchObject(ACCEPTED), 10_000)
      expect(fresh.sim.runware.tasks()).toHaveLength(1)
    } finally {
      await fresh.close()
    }
  })

  it('under create.429_burst is accepted under the same UUID once the burst is over', async () => {
    world.sim.runware.fault('create.429_burst', { n: 2 })
    const ref = randomUUID()
    const outcomes = [
      await world.submit(undefined, ref),
      await world.submit(undefined, ref),
      await world.submit(undefined, ref),
    ]
    expect(outcomes).toMatchObject([limited(10_000), limited(10_000), ACCEPTED])
  })

  it('that the vendor only priced is missing in the end, and was not charged', async () => {
    world.sim.runware.fault('create.dry_run')
    const taskId = await world.accepted()
    expect(await world.poll(taskId, { ageMs: 60_000 })).toEqual({ kind: 'missing' })
    expect(world.sim.runware.ledger().costUsd).toBe(0)
  })

  it('whose uploaded image the vendor has forgotten says so, and makes no task', async () => {
    const content = Buffer.alloc(2_000_000, 'x')
    const open = async () =>
      (async function* () {
        yield content
      })()
    const input = { bytes: content.length, contentType: 'image/png', filename: 'a.png', open }
    const prepared = await world.provider.prepareInput(input, world.call())
    if (prepared.kind !== 'ready') throw new Error(prepared.kind)
    expect(prepared.value).toBe(world.sim.runware.uploads()[0]?.uuid)
    world.sim.runware.forgetUploads()
    const body = { model: 'klingai:5@3', positivePrompt: 'a cat', inputs: { frameImages: [{ image: prepared.value }] } }
    expect(await world.submit(body)).toMatchObject({ ...refused('invalid_input'), inputsGone: true })
    expect(world.sim.runware.tasks()).toEqual([])
  })
})

describe('a create that waits', () => {
  const IMAGE = { model: 'runware:101@1', positivePrompt: 'a cat', width: 512, height: 512, numberResults: 3 }
  const wait = (clientRef: string, body: object = IMAGE, operation = 'imageInference') =>
    world.provider.submitAndWait?.({ operation, body: { ...body }, clientRef }, world.call())
  const soon = { runMs: 0 }

  it('brings every image with seed, id and cost', async () => {
    world.sim.runware.script({ ...soon, results: [{ seed: '9223372036854775807' }] })
    const ref = randomUUID()
    const outcome = await wait(ref)
    const expected = [0, 1, 2].map((index) => world.sim.runware.expectedOutput(ref, index))
    expect(outcome).toMatchObject({ kind: 'finished', taskId: ref, end: { kind: 'succeeded', cost: { unit: 'usd' } } })
    if (outcome?.kind !== 'finished' || outcome.end.kind !== 'succeeded') throw new Error('not finished')
    const { urls, details, cost } = outcome.end
    expect(details?.map(({ seed }) => seed)).toEqual(Array(3).fill('9223372036854775807'))
    expect(cost?.amount).toBe(world.sim.runware.ledger().costUsd)
    const bytes = await Promise.all(urls.map(async (url) => Buffer.from(await (await fetch(url)).arrayBuffer())))
    expect(bytes).toEqual(expected.map(({ bytes: each }) => each))
  })

  it('keeps what was made when the rest failed', async () => {
    world.sim.runware.script({ ...soon, results: [{}, { status: 'error', code: 'providerError' }, {}] })
    expect(await wait(randomUUID())).toMatchObject({
      end: {
        kind: 'succeeded',
        urls: [expect.any(String), expect.any(String)],
        failures: [{ code: 'provider_failed' }],
      },
    })
  })

  it('brings text', async () => {
    world.sim.runware.script(soon)
    const ref = randomUUID()
    const outcome = await wait(ref, { inputs: { image: 'https://a.example/a.png' } }, 'caption')
    const text = world.sim.runware.expectedText(ref)
    const url = `data:text/plain;charset=utf-8;base64,${Buffer.from(text).toString('base64')}`
    expect(outcome).toMatchObject({ kind: 'finished', end: { kind: 'succeeded', urls: [url] } })
  })

  it.each([['create.accept_then_drop'], ['create.200_no_id']] as const)(
    'and under %s got no answer is found by its UUID, in its details',
    async (id) => {
      world.sim.runware.fault(id)
      const ref = randomUUID()
      const pending = wait(ref)
      await vi.waitFor(() => expect(world.sim.runware.tasks()).toHaveLength(1))
      world.finishTasks()
      expect(await pending).toMatchObject({ kind: 'unknown' })
      expect(await wait(ref)).toEqual({ kind: 'accepted', taskId: ref })
      const end = await world.poll(ref, { ageMs: 60_000, results: 3 })
      expect(end).toMatchObject({ kind: 'succeeded', details: [{ id: expect.any(String) }, {}, {}] })
      expect(world.sim.runware.ledger().entries.map(({ charges }) => charges)).toEqual([3])
    },
  )
})
