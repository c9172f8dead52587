import { describe, expect, it } from 'vitest'
import { type CreateContext, createOutcome } from './create-outcome.ts'
import { OTHER, UUID } from './vendor.fixture.ts'

const image = (more: object = {}) => ({
  taskType: 'imageInference',
  taskUUID: UUID,
  imageUUID: 'a',
  imageURL: 'https://im.runware.ai/a.png',
  ...more,
})
const complaint = (code: string, more: object = {}) => ({ code, message: `about ${code}`, taskUUID: UUID, ...more })

function outcome(status: number, body: unknown, context: Partial<CreateContext> = {}, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const full: CreateContext = { taskUUID: UUID, waits: false, results: undefined, nowMs: 0, ...context }
  return createOutcome({ kind: 'answered', status, headers, text }, full)
}

const ACCEPTED = { kind: 'accepted', taskId: UUID }
const refused = (code: string, more: object = {}) => ({ kind: 'refused', error: { code, ...more } })

describe('a create', () => {
  it.each([
    ['an acknowledgement', 200, { data: [{ taskType: 'videoInference', taskUUID: UUID }] }],
    ['an empty one', 200, { data: [] }],
    ['an empty one that is laid out', 202, '{ "data" : [ ] }'],
    ['our UUID in capitals', 200, { data: [{ taskUUID: UUID.toUpperCase() }] }],
    ['our task with an error beside it', 200, { data: [{ taskUUID: UUID }], errors: [complaint('providerError')] }],
    ['our task under a 503', 503, { data: [{ taskUUID: UUID }] }],
    ['a conflict', 400, { data: [], errors: [complaint('conflictTaskUUID', { parameter: 'taskUUID' })] }],
    ['a conflict in a 200', 200, { errors: [complaint('conflictTaskUUID')] }],
    ['a conflict without a UUID', 400, { errors: [{ code: 'conflictTaskUUID' }] }],
    ['a result nobody waits for', 200, { data: [image()] }],
  ])('answered with %s is accepted', (_name, status, body) => {
    expect(outcome(status, body)).toEqual(ACCEPTED)
  })

  it.each([
    ['HTML in a 200', 200, '<html>busy</html>'],
    ['nothing', 200, ''],
    ['half of an answer', 200, '{"data":[{"taskUUID":"24cd'],
    ['an item without a UUID', 200, { data: [{ taskType: 'videoInference' }] }],
    ['the task of somebody else', 200, { data: [{ taskUUID: OTHER }] }],
    ['an empty object', 200, {}],
    ['a redirect', 307, ''],
    ['408', 408, ''],
    ['502 in HTML', 502, '<html>'],
    ['503 with a code', 503, { data: [], errors: [complaint('noAvailableServer')] }],
    ['504 with a code', 504, { errors: [complaint('timeout')] }],
    ['500 without words', 500, { data: [], errors: [] }],
  ])('answered with %s is unknown, to be settled by a repeat', (_name, status, body) => {
    expect(outcome(status, body)).toMatchObject({ kind: 'unknown' })
  })

  it.each([
    [400, complaint('unsupportedDuration'), refused('invalid_input', { retryable: false })],
    [200, complaint('modelNotFound'), refused('invalid_input')],
    [404, complaint('modelNotFound'), refused('invalid_input')],
    [400, complaint('mediaExpired'), { ...refused('invalid_input'), inputsGone: true }],
    [400, complaint('tooManyLoras'), refused('invalid_input')],
    [400, complaint('contentPolicyViolation'), refused('moderation', { retryable: false })],
    [500, complaint('invalidProviderContent'), refused('moderation')],
    [200, complaint('providerError'), refused('provider_failed', { retryable: true })],
    [200, complaint('timeoutProvider'), refused('provider_failed', { retryable: true })],
    [200, complaint('somethingNew'), refused('provider_failed')],
    [403, complaint('notYours'), { kind: 'not_accepted', reason: 'auth', rests: 'key_and_model' }],
    [401, { code: 'invalidApiKey', parameter: 'apiKey' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    [200, { code: 'missingApiKey' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    [403, { code: 'accountSuspended' }, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    [402, complaint('insufficientCredits'), { kind: 'not_accepted', reason: 'quota', rests: 'key' }],
    [402, complaint('providerInsufficientCredits'), { kind: 'not_accepted', reason: 'quota', rests: 'key_and_model' }],
    [
      429,
      complaint('inferenceRateLimitExceeded'),
      { kind: 'not_accepted', reason: 'rate_limited', rests: 'key_and_model', retryAfterMs: 10_000 },
    ],
  ])('answered %s with %j has the outcome of the code', (status, error, expected) => {
    expect(outcome(status, { data: [], errors: [error] })).toMatchObject(expected)
    const asItem = { taskUUID: UUID, status: 'error', error }
    if (!('parameter' in error)) expect(outcome(status, { data: [asItem] })).toMatchObject(expected)
  })

  it.each([
    [401, { kind: 'not_accepted', reason: 'auth', rests: 'key' }],
    [402, { kind: 'not_accepted', reason: 'quota', rests: 'key' }],
    [403, { kind: 'not_accepted', reason: 'auth', rests: 'key_and_model' }],
    [404, refused('invalid_input')],
    [405, refused('invalid_input')],
    [413, refused('invalid_input')],
    [415, refused('invalid_input')],
    [422, refused('invalid_input')],
    [429, { kind: 'not_accepted', reason: 'rate_limited', rests: 'key_and_model' }],
  ])('answered %s without words the vendor would use has the outcome of the status', (status, expected) => {
    for (const body of ['', '<html>', 'Not today', { message: 'x' }])
      expect(outcome(status, body)).toMatchObject(expected)
  })

  it('tells the parameters at fault and what is allowed', () => {
    const errors = [
      complaint('unsupportedDuration', { parameter: 'duration', allowedValues: [6, 10] }),
      complaint('missingDimensionParameters', { parameter: ['width', 'height'], min: 128 }),
    ]
    const messages = errors.map((error) => {
      const refusal = outcome(400, { errors: [error] })
      return refusal.kind === 'refused' && refusal.error.providerMessage
    })
    expect(messages).toEqual([
      'about unsupportedDuration (parameter: duration; allowed: 6, 10)',
      'about missingDimensionParameters (parameter: width, height; min: 128)',
    ])
  })

  it('does not tell the caller what a safety check saw', () => {
    const refusal = outcome(400, { errors: [complaint('promptBlocked')] })
    expect(JSON.stringify(refusal)).not.toContain('about promptBlocked')
  })

  it('waits as long as the vendor asks', () => {
    const errors = [complaint('rateLimitExceeded')]
    expect(outcome(429, { errors }, {}, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 })
    expect(outcome(503, '', {}, { 'retry-after': '7' })).toEqual({
      kind: 'unknown',
      detail: 'HTTP 503',
      retryAfterMs: 7_000,
    })
  })

  it('does not believe an error that names another task', () => {
    expect(
      outcome(200, { data: [{ taskUUID: UUID }], errors: [complaint('providerError', { taskUUID: OTHER })] }),
    ).toEqual(ACCEPTED)
    expect(outcome(200, { data: [], errors: [complaint('invalidModel', { taskUUID: OTHER })] })).toMatchObject({
      kind: 'accepted',
    })
  })

  it('that was not sent is not accepted, one that was is unknown', () => {
    const context: CreateContext = { taskUUID: UUID, waits: false, results: undefined, nowMs: 0 }
    const failed = (sent: boolean) => createOutcome({ kind: 'failed', sent, detail: 'ECONNRESET' }, context)
    expect(failed(true)).toEqual({ kind: 'unknown', detail: 'ECONNRESET' })
    expect(failed(false)).toMatchObject({ kind: 'not_accepted', reason: 'unavailable', rests: 'nothing' })
  })
})

describe('a create that waits', () => {
  const waits = { waits: true, results: 2 }

  it('is finished with every result, each file once, its seed whole and the cost summed', () => {
    const text = JSON.stringify({
      data: [
        image({ seed: 0, cost: 0.1 }),
        image({ cost: 0.1 }),
        image({ imageUUID: 'b', imageURL: 'https://b', cost: 0.2 }),
      ],
    }).replace('"seed":0', '"seed":9223372036854775807')
    expect(outcome(200, text, waits)).toEqual({
      kind: 'finished',
      taskId: UUID,
      end: {
        kind: 'succeeded',
        upstreamStatus: 'success',
        urls: ['https://im.runware.ai/a.png', 'https://b'],
        details: [{ id: 'a', seed: '9223372036854775807' }, { id: 'b' }],
        cost: { amount: 0.3, unit: 'usd' },
      },
    })
  })

  it('keeps what was made when the rest failed, under any status', () => {
    const body = { data: [image()], errors: [complaint('providerError')] }
    for (const status of [200, 500]) {
      expect(outcome(status, body, waits)).toMatchObject({
        kind: 'finished',
        end: { kind: 'succeeded', urls: ['https://im.runware.ai/a.png'], failures: [{ code: 'provider_failed' }] },
      })
    }
  })

  it('that was only acknowledged is accepted', () => {
    expect(outcome(200, { data: [{ taskUUID: UUID }] }, waits)).toEqual(ACCEPTED)
    expect(outcome(200, { data: [] }, waits)).toEqual(ACCEPTED)
  })

  it('and brings no file has failed, by moderation when the flag says so', () => {
    const bare = image({ imageURL: undefined, status: 'success', cost: 0.1 })
    expect(outcome(200, { data: [bare] }, waits)).toMatchObject({
      end: { kind: 'failed', error: { code: 'empty_output' }, cost: { amount: 0.1 } },
    })
    expect(outcome(200, { data: [{ ...bare, NSFWContent: true }] }, waits)).toMatchObject({
      end: { kind: 'failed', error: { code: 'moderation', retryable: false } },
    })
  })
})
