import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoredInput } from '../provider.ts'
import { type FakeVendor, fakeVendor } from './vendor.fixture.ts'

let vendor: FakeVendor
beforeEach(async () => {
  vendor = await fakeVendor({ dataUriMaxBytes: 100 })
})
afterEach(() => vendor.close())

function stored(
  content: Buffer,
  { contentType = 'image/png', chunkBytes = 7, bytes = content.length } = {},
): StoredInput {
  const open = async () =>
    (async function* () {
      for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes)
    })()
  return { bytes, contentType, filename: 'a', open }
}
const prepare = (input: StoredInput) => vendor.provider.prepareInput(input, vendor.call())
/** Answers with the UUID of the upload that was asked for. */
const answerWith = (fields: object, status = 200, list: 'data' | 'errors' = 'data') =>
  vendor.answer((response) => {
    const { taskUUID } = vendor.asked.at(-1)?.tasks[0] ?? {}
    response.writeHead(status).end(JSON.stringify({ [list]: [{ taskUUID, ...fields }] }))
  })

describe('a stored input', () => {
  it('that is a small image goes into the body', async () => {
    const value = `data:image/png;base64,${Buffer.from('small').toString('base64')}`
    expect(await prepare(stored(Buffer.from('small')))).toEqual({ kind: 'ready', value })
    expect(vendor.asked).toHaveLength(0)
  })

  it('that is a larger image is uploaded and goes by its UUID', async () => {
    answerWith({ taskType: 'imageUpload', imageUUID: 'up-1', imageURL: 'https://im/up-1.png' })
    const content = Buffer.alloc(1_000, 'x')
    expect(await prepare(stored(content))).toEqual({ kind: 'ready', value: 'up-1', reusableMs: 20 * 86_400_000 })
    expect(vendor.asked[0]?.tasks).toEqual([
      {
        taskType: 'imageUpload',
        taskUUID: expect.stringMatching(/^[0-9a-f-]{36}$/),
        image: `data:image/png;base64,${content.toString('base64')}`,
      },
    ])
  })

  it.each(['video/mp4', 'audio/mpeg'])('of %s is put into the media storage, however small', async (contentType) => {
    answerWith({ taskType: 'mediaStorage', mediaUUID: 'm-1' })
    expect(await prepare(stored(Buffer.from('x'), { contentType }))).toEqual({
      kind: 'ready',
      value: 'm-1',
      reusableMs: 86_400_000,
    })
    expect(vendor.asked[0]?.tasks[0]).toMatchObject({
      taskType: 'mediaStorage',
      operation: 'upload',
      media: `data:${contentType};base64,eA==`,
    })
  })

  it('arrives as it was, in whatever pieces it is read', async () => {
    answerWith({ mediaUUID: 'm' })
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        async (bytes, chunkBytes) => {
          await prepare(stored(Buffer.from(bytes), { contentType: 'video/mp4', chunkBytes }))
          const media = String(vendor.asked.at(-1)?.tasks[0]?.media)
          expect(Buffer.from(media.slice(media.indexOf(',') + 1), 'base64')).toEqual(Buffer.from(bytes))
        },
      ),
      { numRuns: 30 },
    )
  })

  it.each<[number, object, object]>([
    [
      400,
      { code: 'unsupportedImageFormat', message: 'not that' },
      { kind: 'refused', error: { code: 'invalid_input', providerMessage: 'not that' } },
    ],
    [400, { code: 'imageBlocked' }, { kind: 'refused', error: { code: 'moderation' } }],
    [429, { code: 'rateLimitExceeded' }, { kind: 'retry' }],
    [401, { code: 'invalidApiKey' }, { kind: 'retry' }],
    [500, { code: 'internalServerError' }, { kind: 'retry' }],
  ])('refused with %s %j', async (status, fields, expected) => {
    answerWith(fields, status, 'errors')
    expect(await prepare(stored(Buffer.alloc(500)))).toMatchObject(expected)
  })

  it('that is too large without words is refused, and any other trouble is tried again', async () => {
    const outcomes: unknown[] = []
    for (const status of [413, 503, 200]) {
      vendor.answer({ status, body: '<html>' })
      outcomes.push((await prepare(stored(Buffer.alloc(500)))).kind)
    }
    expect(outcomes).toEqual(['refused', 'retry', 'retry'])
  })

  it('that is not as long as recorded is tried again, and nothing half is taken for whole', async () => {
    vendor.answer({ body: { data: [] } })
    expect(await prepare(stored(Buffer.alloc(500), { bytes: 700 }))).toMatchObject({ kind: 'retry' })
    expect(await prepare(stored(Buffer.alloc(20), { bytes: 30 }))).toMatchObject({ kind: 'retry' })
  })
})
