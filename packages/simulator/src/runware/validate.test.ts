import { describe, expect } from 'vitest'
import { errorsOf, image, test, video } from './vendor.fixture.ts'

const picture = 'https://example.com/a.png'
const without = (task: object, ...names: string[]) =>
  Object.fromEntries(Object.entries(task).filter(([name]) => !names.includes(name)))

const BAD: Readonly<Record<string, readonly [object, object]>> = {
  'no UUID': [without(image(), 'taskUUID'), { code: 'missingTaskUUID', parameter: 'taskUUID' }],
  'a UUID of version 1': [
    image({ taskUUID: 'c232ab00-9414-11ec-b3c8-9f6bdeced846' }),
    { code: 'invalidTaskUUID', parameter: 'taskUUID' },
  ],
  'no model': [without(image(), 'model'), { code: 'missingModel', parameter: 'model' }],
  'a model that is no AIR': [image({ model: 'flux' }), { code: 'invalidModel', parameter: 'model' }],
  'an unknown parameter': [image({ sharpness: 3 }), { code: 'unknownParameter', parameter: 'sharpness' }],
  'a side that is no multiple of 64': [
    image({ height: 500 }),
    { code: 'invalidHeight', parameter: 'height', min: 128, max: 2048 },
  ],
  'a newer model and a side that is no multiple of 16': [
    image({ model: 'bfl:4@1', width: 1000 }),
    { code: 'invalidWidth', multipleOf: 16 },
  ],
  'no size and no image': [
    without(image(), 'width'),
    { code: 'missingDimensionParameters', parameter: ['width', 'height', 'referenceImages'], type: 'integer|array' },
  ],
  'neither prompt nor image': [without(image(), 'positivePrompt'), { code: 'missingPositivePrompt' }],
  'a seed beyond 2^63': [image({ seed: 1e19 }), { code: 'invalidSeed', type: 'integer' }],
  'a seed that is text': [image({ seed: '5' }), { code: 'invalidSeed', parameter: 'seed' }],
  'a format there is not': [
    image({ outputFormat: 'BMP' }),
    { code: 'unsupportedOutputFormat', allowedValues: ['JPG', 'PNG', 'WEBP'] },
  ],
  'too many results': [image({ numberResults: 21 }), { code: 'invalidNumberResults', min: 1, max: 20 }],
  'an outpaint of odd size': [image({ outpaint: { left: 30 } }), { code: 'invalidOutpaint' }],
  'an image that is none': [image({ seedImage: 'my cat' }), { code: 'invalidSeedImage', parameter: 'seedImage' }],
  'an image nobody knows': [
    image({ inputs: { referenceImages: ['0b5ff7d3-2f3a-4f6e-9d77-0d5a3c1f7a11'] } }),
    { code: 'invalidReferenceImages', parameter: 'inputs.referenceImages[0]' },
  ],
  'a webhook that is no URL': [video({ webhookURL: 'here' }), { code: 'invalidWebhookURL', parameter: 'webhookURL' }],
  'a duration the model has not': [video({ duration: 6 }), { code: 'unsupportedDuration', allowedValues: [5, 10] }],
  'flat frames for a newer model': [
    video({ frameImages: [{ inputImage: picture }] }),
    { code: 'unsupportedParameter', parameter: 'frameImages' },
  ],
  'a text-to-video without size': [without(video(), 'width', 'height'), { code: 'missingDimensionParameters' }],
  'a tool without its input': [
    { taskType: 'upscale', taskUUID: image().taskUUID },
    { code: 'missingInputs', parameter: ['inputs', 'inputImage'] },
  ],
}

const GOOD: Readonly<Record<string, object>> = {
  'flat frames for an older model': video({ model: 'klingai:2@1', frameImages: [{ inputImage: picture }] }),
  'nested frames instead of a size': without(
    video({ inputs: { frameImages: [{ image: picture, frame: 'first' }] } }),
    'width',
    'height',
  ),
  'a reference instead of a size': without(
    image({ model: 'google:4@1', inputs: { referenceImages: [picture] }, deliveryMethod: 'async' }),
    'width',
    'height',
  ),
  'a mask and a seed image as data': image({
    seedImage: 'data:image/png;base64,aGVsbG8gd29ybGQhISE=',
    maskImage: 'aGVsbG8gd29ybGQhISE=',
    strength: 0.8,
    deliveryMethod: 'async',
  }),
  'a format in small letters': video({ outputFormat: 'mp4' }),
}

describe('Runware refuses a task with', () => {
  for (const [name, [task, error]] of Object.entries(BAD)) {
    test(`${name}, says so by code and parameter, and takes nothing for it`, async ({ vendor }) => {
      const given = await vendor()
      const answer = await given.post([task])
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([error])
      expect(given.runware.ledger()).toMatchObject({ entries: [], costUsd: 0 })
    })
  }
})

describe('Runware takes a task with', () => {
  for (const [name, task] of Object.entries(GOOD)) {
    test(name, async ({ vendor }) => {
      const given = await vendor()
      expect((await given.post([task])).json).not.toHaveProperty('errors')
      expect(given.runware.tasks()).toHaveLength(1)
    })
  }

  test('anything in it, when it is told not to look', async ({ vendor }) => {
    const given = await vendor({ runware: { validate: false } })
    expect((await given.post([{ ...video(), width: 1, magic: true }])).status).toBe(200)
  })
})
