import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RUNWARE_OPERATIONS, runwareKindOf } from './operations.ts'
import { type FakeVendor, fakeVendor, UUID } from './vendor.fixture.ts'

let vendor: FakeVendor
beforeEach(async () => {
  vendor = await fakeVendor({ webhookUrl: (clientRef) => `https://hooks.example/${clientRef}` })
})
afterEach(() => vendor.close())

const TASK = { operation: 'imageInference', body: { model: 'runware:101@1', positivePrompt: 'a cat' }, clientRef: UUID }

describe('a create', () => {
  it('is one array of one task under the UUID of the job, with its cost and in the background', async () => {
    expect(await vendor.provider.submit(TASK, vendor.call())).toEqual({ kind: 'accepted', taskId: UUID })
    expect(vendor.asked).toHaveLength(1)
    expect(vendor.asked[0]?.tasks).toEqual([
      {
        model: 'runware:101@1',
        positivePrompt: 'a cat',
        taskType: 'imageInference',
        taskUUID: UUID,
        includeCost: true,
        deliveryMethod: 'async',
        webhookURL: `https://hooks.example/${UUID}`,
      },
    ])
    expect(vendor.asked[0]?.headers).toMatchObject({
      authorization: 'Bearer rw-key',
      'content-type': 'application/json',
    })
  })

  it('leaves nothing between the vendor and us to the caller, and passes the rest on', async () => {
    const body = {
      ...TASK.body,
      taskType: 'modelUpload',
      taskUUID: 'mine',
      deliveryMethod: 'sync',
      includeCost: false,
      webhookURL: 'https://elsewhere.example',
      outputType: 'base64Data',
      seed: '9223372036854775807',
      lora: [{ model: 'x', weight: 0.5 }],
    }
    const before = structuredClone(body)
    await vendor.provider.submit({ ...TASK, body }, vendor.call())
    expect(vendor.asked[0]?.tasks[0]).toMatchObject({
      taskType: 'imageInference',
      taskUUID: UUID,
      deliveryMethod: 'async',
      includeCost: true,
      outputType: 'URL',
      webhookURL: `https://hooks.example/${UUID}`,
      lora: [{ model: 'x', weight: 0.5 }],
    })
    expect(vendor.asked[0]?.text).toContain('"seed":9223372036854775807')
    expect(body).toEqual(before)
  })

  it('that waits is answered with the result and calls nobody back', async () => {
    vendor.answer({ body: { data: [{ taskUUID: UUID, imageUUID: 'i', imageURL: 'https://im/i.png', seed: 7 }] } })
    expect(await vendor.provider.submitAndWait?.(TASK, vendor.call())).toMatchObject({
      kind: 'finished',
      end: { kind: 'succeeded', urls: ['https://im/i.png'], details: [{ id: 'i', seed: '7' }] },
    })
    expect(vendor.asked[0]?.tasks[0]).toMatchObject({ deliveryMethod: 'sync' })
    expect(vendor.asked[0]?.tasks[0]).not.toHaveProperty('webhookURL')
  })

  it.each([
    ['videoInference', {}],
    ['audioInference', {}],
    ['3dInference', {}],
    ['upscale', { inputs: { video: 'https://a' } }],
  ])('of %s %j does not wait', async (operation, body) => {
    await vendor.provider.submitAndWait?.({ operation, body, clientRef: UUID }, vendor.call())
    expect(vendor.asked[0]?.tasks[0]).toMatchObject({ deliveryMethod: 'async' })
  })

  it('whose result was not waited for is accepted, though the answer has it', async () => {
    vendor.answer({ body: { data: [{ taskUUID: UUID, imageURL: 'https://im/i.png' }] } })
    expect(await vendor.provider.submit(TASK, vendor.call())).toEqual({ kind: 'accepted', taskId: UUID })
  })

  it.each([
    ['a dropped connection', (response: { destroy(): void }) => response.destroy()],
    ['silence', () => {}],
  ])('under %s is unknown, and was sent once', async (_name, answer) => {
    const hasty = await fakeVendor({ submitTimeoutMs: 100, waitTimeoutMs: 100 })
    try {
      hasty.answer(answer)
      expect(await hasty.provider.submit(TASK, hasty.call())).toMatchObject({ kind: 'unknown' })
      expect(hasty.asked).toHaveLength(1)
      expect(await hasty.provider.submitAndWait?.(TASK, hasty.call())).toMatchObject({ kind: 'unknown' })
    } finally {
      await hasty.close()
    }
  })
})

it('a base URL may come with and without the version of the path', async () => {
  const refused = { kind: 'not_accepted', reason: 'unavailable', rests: 'nothing', detail: 'ECONNREFUSED' }
  for (const baseUrl of ['http://127.0.0.1:1', 'http://127.0.0.1:1/v1/']) {
    const away = await fakeVendor({ baseUrl })
    expect(await away.provider.submit(TASK, away.call())).toEqual(refused)
    await away.close()
  }
})

it('nothing is canceled, because the vendor cannot', async () => {
  expect(await vendor.provider.cancel(UUID, vendor.call())).toEqual({ kind: 'unsupported' })
  expect(vendor.asked).toHaveLength(0)
})

it('every task type has its kind, and work on a video makes one', () => {
  const kinds = Object.keys(RUNWARE_OPERATIONS).map((name) => runwareKindOf(name, {}))
  expect(new Set(kinds)).toEqual(new Set(['image', 'video', 'audio', 'text', 'model3d']))
  expect(runwareKindOf('upscale', { inputs: { video: 'https://a' } })).toBe('video')
  expect(runwareKindOf('caption', { inputs: { video: 'https://a' } })).toBe('text')
  expect(() => runwareKindOf('toString', {})).toThrow('no operation')
})
