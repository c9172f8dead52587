import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeVendor, fakeVendor, UUID } from './vendor.fixture.ts'

let vendor: FakeVendor
beforeEach(async () => {
  vendor = await fakeVendor()
})
afterEach(() => vendor.close())

const YOUNG = { ageMs: 1_000 }
const video = (more: object = {}) => ({ taskType: 'videoInference', taskUUID: UUID, ...more })
const done = (more: object = {}) => video({ status: 'success', videoUUID: 'v', videoURL: 'https://vm/v.mp4', ...more })
const failed = (code: string, more: object = {}) => ({ code, message: code, status: 'error', taskUUID: UUID, ...more })
const look = () => vendor.provider.poll(UUID, vendor.call(), YOUNG)
const running = (more: object = {}) => ({ kind: 'waiting', phase: 'running', ...more })

describe('a look', () => {
  it.each<[string, object[], object]>([
    ['processing', [video({ status: 'processing', progress: 47 })], running({ progress: 0.47 })],
    ['the older word for it', [video({ status: 'pending' })], running({ upstreamStatus: 'pending' })],
    ['a word nobody knows', [video({ status: 'FOO' })], running({ upstreamStatus: 'FOO' })],
    ['more than all of it', [video({ status: 'processing', progress: 140 })], running({ progress: 1 })],
    ['less than nothing', [video({ status: 'processing', progress: -3 })], running({ progress: 0 })],
    [
      'no progress',
      [video({ status: 'processing' })],
      { kind: 'waiting', phase: 'running', upstreamStatus: 'processing' },
    ],
    ['the bare acknowledgement', [video()], { kind: 'waiting', phase: 'queued', upstreamStatus: 'accepted' }],
    ['two of them under way', [done(), video({ status: 'processing', progress: 50 })], running({ progress: 0.75 })],
    [
      'success',
      [done({ cost: 0.18 })],
      { kind: 'succeeded', urls: ['https://vm/v.mp4'], cost: { amount: 0.18, unit: 'usd' } },
    ],
    ['success in capitals', [done({ status: 'SUCCESS' })], { kind: 'succeeded' }],
    ['a file without a status', [done({ status: undefined })], { kind: 'succeeded' }],
    ['another type of task', [done({ taskType: 'getResponse' })], { kind: 'succeeded' }],
    [
      'the same file twice',
      [done({ cost: 0.1 }), done({ cost: 0.1 })],
      { urls: ['https://vm/v.mp4'], cost: { amount: 0.1 } },
    ],
    ['success without a file', [done({ videoURL: undefined })], { kind: 'failed', error: { code: 'empty_output' } }],
    ['a flagged file', [done({ NSFWContent: true })], { kind: 'failed', error: { code: 'moderation' } }],
    [
      'an item of an error',
      [video({ status: 'error', error: { code: 'providerError' } })],
      { kind: 'failed', error: { code: 'provider_failed', retryable: true } },
    ],
    [
      'an item with a bare code',
      [video({ status: 'error', code: 'promptBlocked' })],
      { kind: 'failed', error: { code: 'moderation' } },
    ],
    [
      'an item with an error in words',
      [video({ status: 'error', error: 'no luck' })],
      { kind: 'failed', error: { providerMessage: 'no luck' } },
    ],
    ['canceled, in one spelling', [video({ status: 'canceled' })], { kind: 'canceled' }],
    ['canceled, in the other', [video({ status: 'CANCELLED' })], { kind: 'canceled' }],
    ['what is not an item', [Object.assign([], {}), done()], { kind: 'succeeded' }],
  ])('that shows %s', async (_name, data, expected) => {
    vendor.answer({ body: { data } })
    expect(await look()).toMatchObject(expected)
    expect(vendor.asked.map(({ tasks }) => tasks)).toEqual([[{ taskType: 'getResponse', taskUUID: UUID }]])
  })

  it.each<[number, object, object]>([
    [
      200,
      failed('timeoutProvider'),
      { kind: 'failed', error: { code: 'provider_failed', providerCode: 'timeoutProvider' } },
    ],
    [504, failed('timeoutProvider'), { kind: 'failed', error: { code: 'provider_failed' } }],
    [500, failed('internalServerError'), { kind: 'failed', error: { code: 'provider_failed' } }],
    [
      429,
      failed('providerRateLimitExceeded'),
      { kind: 'failed', error: { code: 'provider_unavailable', retryable: true } },
    ],
    [
      400,
      failed('invalidDuration', { parameter: ['a', 'b'] }),
      { kind: 'failed', error: { code: 'invalid_input', providerMessage: 'invalidDuration (parameter: a, b)' } },
    ],
    [200, failed('providerContentPolicyViolation'), { kind: 'failed', error: { code: 'moderation' } }],
    [200, failed('taskCancelled'), { kind: 'canceled' }],
    [200, failed('providerError', { taskUUID: undefined }), { kind: 'failed', error: { code: 'provider_failed' } }],
    [401, { code: 'invalidApiKey' }, { kind: 'error', reason: 'auth' }],
    [200, { code: 'invalidApiKey', taskUUID: UUID }, { kind: 'error', reason: 'auth' }],
    [429, { code: 'rateLimitExceeded' }, { kind: 'error', reason: 'rate_limited', retryAfterMs: 3_000 }],
    [429, failed('rateLimitExceeded', { status: undefined }), { kind: 'error', reason: 'rate_limited' }],
    [402, { code: 'insufficientCredits' }, { kind: 'error', reason: 'unavailable' }],
    [503, { code: 'serviceUnavailable' }, { kind: 'error', reason: 'unavailable' }],
    [502, { code: 'providerBadGateway' }, { kind: 'error', reason: 'unavailable' }],
    [504, { code: 'timeoutProvider', taskUUID: UUID }, { kind: 'error', reason: 'unavailable' }],
    [200, { code: 'timeoutProvider', taskUUID: UUID }, { kind: 'failed', error: { code: 'provider_failed' } }],
    [403, { code: 'somethingNew' }, { kind: 'error', reason: 'auth' }],
    [500, failed('internalServerError', { status: undefined }), { kind: 'error', reason: 'unavailable' }],
  ])('answered %s with %j', async (status, error, expected) => {
    vendor.answer({ status, body: { data: [], errors: [error] }, headers: { 'retry-after': '3' } })
    expect(await look()).toMatchObject(expected)
  })

  it.each<[number, string, string]>([
    [200, '<html>', 'protocol'],
    [200, '{"data":[{"taskUUID"', 'protocol'],
    [200, '[]', 'protocol'],
    [401, '', 'auth'],
    [403, '<html>', 'auth'],
    [429, '', 'rate_limited'],
    [503, '<html>', 'unavailable'],
    [418, 'no', 'protocol'],
  ])('answered %s %j says nothing about the task', async (status, body, reason) => {
    vendor.answer({ status, body })
    expect(await look()).toMatchObject({ kind: 'error', reason })
  })

  it('that is cut off says nothing about the task', async () => {
    vendor.answer((response) => response.destroy())
    expect(await look()).toMatchObject({ kind: 'error', reason: 'unavailable' })
  })

  it('keeps what was made of a batch and tells why the rest is not there, once nothing is under way', async () => {
    const parts = {
      data: [done(), done({ videoUUID: 'w', videoURL: 'https://vm/w.mp4' })],
      errors: [failed('providerError')],
    }
    vendor.answer({ body: { ...parts, data: [...parts.data, video({ status: 'processing' })] } }, { body: parts })
    expect(await look()).toMatchObject({ kind: 'waiting' })
    expect(await look()).toMatchObject({
      kind: 'succeeded',
      urls: ['https://vm/v.mp4', 'https://vm/w.mp4'],
      details: [{ id: 'v' }, { id: 'w' }],
      failures: [{ code: 'provider_failed' }],
    })
  })

  it('waits for results that are not mentioned, but not for ever', async () => {
    vendor.answer({ body: { data: [done()] } })
    const at = (ageMs: number) => vendor.provider.poll(UUID, vendor.call(), { ageMs, results: 2 })
    expect(await at(1_000)).toMatchObject({ kind: 'waiting' })
    expect(await at(3_600_000)).toMatchObject({ kind: 'succeeded' })
  })

  it.each<[string, object, string[]]>([
    ['an image', { imageUUID: 'i', imageURL: 'https://im/i.png', inputImageURL: 'https://x' }, ['https://im/i.png']],
    ['an inline image', { imageUUID: 'i', imageDataURI: 'data:image/png;base64,AA==' }, ['data:image/png;base64,AA==']],
    ['bare base64', { guideImageBase64Data: 'AA==' }, ['data:application/octet-stream;base64,AA==']],
    ['a mask', { maskImageURL: 'https://im/m.png', detections: [] }, ['https://im/m.png']],
    [
      'files',
      { outputs: { files: [{ uuid: 'f', url: 'https://a/f.glb' }, { url: 'https://a/g.bin' }] } },
      ['https://a/f.glb', 'https://a/g.bin'],
    ],
    ['text', { text: 'a cat ä' }, ['data:text/plain;charset=utf-8;base64,YSBjYXQgw6Q=']],
  ])('finds %s, wherever the type of task puts it', async (_name, fields, urls) => {
    vendor.answer({ body: { data: [video({ status: 'success', ...fields })] } })
    expect(await look()).toMatchObject({ kind: 'succeeded', urls })
  })
})

describe('a task that getResponse says nothing about', () => {
  const old = () => vendor.provider.poll(UUID, vendor.call(), { ageMs: 60_000 })
  const details = (response?: object) => ({
    body: {
      data: [
        {
          taskType: 'getTaskDetails',
          taskUUID: UUID,
          request: [video({ numberResults: 1 })],
          ...(response && { response }),
        },
      ],
    },
  })

  it('is just queued while it is young', async () => {
    expect(await look()).toEqual({ kind: 'waiting', phase: 'queued', upstreamStatus: 'accepted' })
    expect(vendor.asked).toHaveLength(1)
  })

  it('has its end in its details', async () => {
    vendor.answer({ body: { data: [] } }, details({ data: [done({ status: undefined })] }))
    expect(await old()).toMatchObject({ kind: 'succeeded', urls: ['https://vm/v.mp4'] })
    expect(vendor.asked[1]?.tasks).toEqual([{ taskType: 'getTaskDetails', taskUUID: UUID }])
    vendor.answer({ body: { data: [] } }, details({ errors: [failed('providerError', { taskUUID: undefined })] }))
    expect(await old()).toMatchObject({ kind: 'failed', error: { code: 'provider_failed' } })
    vendor.answer({ body: { data: [] } }, { body: { request: [video()], response: { data: [done()] } } })
    expect(await old()).toMatchObject({ kind: 'succeeded' })
  })

  it('waits while its details know no end', async () => {
    vendor.answer({ body: { data: [] } }, details())
    expect(await old()).toMatchObject({ kind: 'waiting' })
    vendor.answer({ body: { data: [] } }, details({ data: [video()] }))
    expect(await old()).toMatchObject({ kind: 'waiting' })
  })

  it.each(['taskNotFound', 'taskExpired', 'taskFailedOrNotFound'])(
    'or %s, is looked up even when young',
    async (code) => {
      vendor.answer({ status: 404, body: { errors: [failed(code)] } }, details({ data: [done()] }))
      expect(await look()).toMatchObject({ kind: 'succeeded' })
    },
  )

  it.each([
    [200, { data: [] }],
    [404, { data: [], errors: [failed('taskNotFound')] }],
    [400, { errors: [{ code: 'taskNotFound' }] }],
  ])('and that has no details either (%s %j) is missing', async (status, body) => {
    vendor.answer({ body: { data: [] } }, { status, body })
    expect(await old()).toEqual({ kind: 'missing' })
  })

  it('is what it was when the details cannot be had', async () => {
    vendor.answer({ body: { data: [] } }, { status: 503, body: '<html>' })
    expect(await old()).toMatchObject({ kind: 'error', reason: 'unavailable' })
  })
})
