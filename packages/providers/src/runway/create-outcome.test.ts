import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOutcome } from './create-outcome.ts'

const answered = (status: number, body: unknown, headers = {}) =>
  createOutcome({ kind: 'answered', status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) }, 0)

describe('a create', () => {
  it('is accepted with an id, whatever stands beside it', () => {
    expect(answered(200, { id: 'a-1' })).toEqual({ kind: 'accepted', taskId: 'a-1' })
    expect(answered(201, { id: 'a-1', estimatedCost: { credits: 60 } })).toEqual({
      kind: 'accepted',
      taskId: 'a-1',
      estimatedCost: { amount: 60, unit: 'credits' },
    })
    expect(answered(200, { id: 'a-1', estimatedCost: 'free' })).toEqual({ kind: 'accepted', taskId: 'a-1' })
  })

  it.each([
    [200, {}],
    [200, { id: '' }],
    [200, { id: 7 }],
    [200, { id: '../organization' }],
    [200, ''],
    [200, '{"id":"a'],
    [200, '<html>'],
    [204, ''],
    [307, ''],
    [408, ''],
    [500, {}],
    [502, '<html>'],
    [503, {}],
    [504, {}],
  ])('answered %s %j is unknown', (status, body) => {
    expect(answered(status, body).kind).toBe('unknown')
  })

  it.each([400, 404, 405, 409, 413, 415, 422, 451])('answered %s is refused for good', (status) => {
    expect(answered(status, { error: 'No', code: 'bad' })).toEqual({
      kind: 'refused',
      error: expect.objectContaining({ code: 'invalid_input', providerCode: 'bad', providerMessage: 'No' }),
    })
  })

  it('tells in one line which parameters the vendor refuses', () => {
    const issues = [
      { code: 'invalid_value', path: ['references', 0, 'uri'], message: 'Invalid URL' },
      { code: 'custom', path: [], message: 'Too much' },
      { code: 'too_big' },
      {},
      { path: ['ratio'], message: 'Bad' },
    ]
    expect(answered(400, { error: 'Validation of body failed', issues })).toMatchObject({
      error: { providerMessage: 'references.0.uri: Invalid URL; Too much; too_big; ratio: Bad' },
    })
  })

  it('without credits rests the key, by the text alone', () => {
    const error = 'You do not have enough credits to run this task.'
    expect(answered(400, { error })).toMatchObject({ kind: 'not_accepted', reason: 'quota', rests: 'key' })
    expect(answered(402, '')).toMatchObject({ kind: 'not_accepted', reason: 'quota', rests: 'key' })
  })

  it('on behalf of nobody is a matter of our own configuration', () => {
    const error = 'X-Runway-On-Behalf-Of request header was not specified for task creation'
    expect(answered(400, { error })).toMatchObject({ kind: 'refused', error: { code: 'provider_configuration' } })
  })

  it('answered 401 rests the key', () => {
    expect(answered(401, {})).toMatchObject({ kind: 'not_accepted', reason: 'auth', rests: 'key' })
  })

  it('answered 403 rests the key for this model and lets it go on with others', () => {
    expect(answered(403, {})).toMatchObject({ kind: 'not_accepted', reason: 'auth', rests: 'key_and_model' })
  })

  it.each([
    ['as long as asked', { error: 'Your daily task limit has been reached.' }, { 'retry-after': '90' }, 90_000],
    ['five minutes at the daily limit', { error: 'Your daily task limit has been reached.' }, {}, 300_000],
    ['thirty seconds otherwise', { message: 'Too Many Requests' }, { 'retry-after': 'soon' }, 30_000],
    ['thirty seconds for a page', '<html>', {}, 30_000],
  ])('answered 429 rests key and model %s', (_name, body, headers, retryAfterMs) => {
    expect(answered(429, body, headers)).toMatchObject({
      kind: 'not_accepted',
      reason: 'rate_limited',
      rests: 'key_and_model',
      retryAfterMs,
    })
  })
})

it('only an answer of 2xx with an id is accepted, and only a 4xx is certain otherwise', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fc.oneof(fc.string(), fc.json()), (status, body) => {
      const { kind } = answered(status, body)
      if (status < 300) expect(['accepted', 'unknown']).toContain(kind)
      else if (status >= 400 && status < 500 && status !== 408) expect(['refused', 'not_accepted']).toContain(kind)
      else expect(kind).toBe('unknown')
    }),
  )
})
