import { JobError } from '@genqueue/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pollOutcome, taskOutcome } from './poll-outcome.ts'
import { readJson, Task } from './wire.ts'

const answered = (status: number, body: unknown, headers = {}) =>
  pollOutcome({ kind: 'answered', status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) }, 0)

describe('the phase', () => {
  it.each([
    ['PENDING', 'queued'],
    ['QUEUED', 'queued'],
    ['THROTTLED', 'throttled'],
    ['RUNNING', 'running'],
    ['PROCESSING', 'running'],
    ['in_progress', 'running'],
    ['FOO', 'queued'],
    ['constructor', 'queued'],
  ])('of %s is %s', (status, phase) => {
    expect(answered(200, { status })).toEqual({ kind: 'waiting', phase, upstreamStatus: status })
  })

  it.each([
    [0, 0],
    [0.45, 0.45],
    [1, 1],
    [45, 0.45],
    [1_000, 1],
    [-1, 0],
  ])('tells progress %s as %s', (progress, expected) => {
    expect(answered(200, { status: 'RUNNING', progress })).toMatchObject({ progress: expected })
  })
})

describe('a failure', () => {
  it.each([
    ['SAFETY.INPUT.TEXT', 'moderation', false],
    ['SAFETY.OUTPUT.VIDEO', 'moderation', false],
    ['INPUT_PREPROCESSING.SAFETY.TEXT', 'moderation', false],
    ['INPUT_PREPROCESSING.SAFETY.THIRD_PARTY', 'moderation', false],
    ['INPUT_PREPROCESSING.INTERNAL', 'provider_failed', true],
    ['INTERNAL.BAD_OUTPUT.CODE01', 'provider_failed', true],
    ['THIRD_PARTY.UNAVAILABLE', 'provider_failed', true],
    ['ASSET.INVALID', 'invalid_input', false],
    ['INTERNAL', 'provider_failed', true],
    ['SOMETHING.NEW', 'provider_failed', true],
    [null, 'provider_failed', true],
    [undefined, 'provider_failed', true],
  ])('with the code %s is %s', (failureCode, code, retryable) => {
    const outcome = answered(200, { status: 'FAILED', failure: 'It did not work.', failureCode })
    expect(outcome).toMatchObject({ kind: 'failed', error: { code, retryable } })
    if (outcome.kind !== 'failed') return
    expect(outcome.error.providerCode).toBe(failureCode ?? undefined)
    expect(outcome.error.providerMessage).toBe(code === 'moderation' ? undefined : 'It did not work.')
  })

  it('is read from the code of the older dialect too', () => {
    expect(answered(200, { status: 'FAILED', code: 'ASSET.INVALID' })).toMatchObject({
      error: { code: 'invalid_input' },
    })
  })
})

describe('success', () => {
  it.each([[undefined], [[]], [['']], [null], [[null, ' ']], [7]])(
    'with the output %j is the failure empty_output',
    (output) => {
      expect(answered(200, { status: 'SUCCEEDED', output, cost: { credits: 3 } })).toMatchObject({
        kind: 'failed',
        error: { code: 'empty_output' },
        cost: { amount: 3, unit: 'credits' },
      })
    },
  )

  it('keeps the order of the outputs and a charge of nothing', () => {
    expect(answered(200, { status: 'succeeded', output: ['https://b', 'https://a'], cost: { credits: 0 } })).toEqual({
      kind: 'succeeded',
      upstreamStatus: 'succeeded',
      urls: ['https://b', 'https://a'],
      cost: { amount: 0, unit: 'credits' },
    })
  })
})

describe('a look that failed', () => {
  it.each([
    [401, { error: 'no' }, 'auth'],
    [403, {}, 'auth'],
    [429, { message: 'Too Many Requests' }, 'rate_limited'],
    [500, '<html>', 'unavailable'],
    [503, '', 'unavailable'],
    [408, '', 'unavailable'],
    [400, { error: 'x' }, 'protocol'],
    [302, '', 'protocol'],
    [200, '<html>', 'protocol'],
    [200, '{"status":"RUN', 'protocol'],
    [200, '', 'protocol'],
    [200, [], 'protocol'],
    [200, { status: 7 }, 'protocol'],
  ])('with %s %j is %s', (status, body, reason) => {
    expect(answered(status, body, { 'retry-after': '7' })).toMatchObject({ kind: 'error', reason })
  })

  it('tells how long the vendor asks to wait', () => {
    expect(answered(429, {}, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 })
    expect(answered(503, {}, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 })
    expect(answered(429, {})).not.toHaveProperty('retryAfterMs')
  })

  it('with 404 is a missing task', () => {
    expect(answered(404, { error: 'Could not find Task' })).toEqual({ kind: 'missing' })
  })
})

it('any JSON with a status, of any type in every other field, has an outcome that keeps the promises of the port', () => {
  const status = fc.oneof(
    fc.constantFrom('PENDING', 'Running', 'SUCCEEDED', 'failed', 'CANCELED', 'CANCELLED'),
    fc.string({ minLength: 1 }),
  )
  const field = fc.oneof(fc.jsonValue(), fc.record({ credits: fc.jsonValue() }), fc.double())
  const fields = fc.record({
    progress: field,
    output: field,
    failure: field,
    failureCode: field,
    cost: field,
    estimatedCost: field,
  })
  fc.assert(
    fc.property(status, fields, (upstream, rest) => {
      const task = readJson(JSON.stringify({ status: upstream, ...rest }), Task)
      if (!task) throw new Error('not read')
      const outcome = taskOutcome(task)
      if (outcome.kind === 'waiting') expect(outcome.progress ?? 0).toSatisfy((p: number) => p >= 0 && p <= 1)
      if (outcome.kind === 'succeeded') expect(outcome.urls.length).toBeGreaterThan(0)
      if (outcome.kind === 'failed') expect(JobError.safeParse(outcome.error).success).toBe(true)
      expect(['missing', 'error']).not.toContain(outcome.kind)
    }),
  )
})
