import { ProblemError } from '@genqueue/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VideoRequest } from '../video-request.ts'
import { translateVideo } from './translate-video.ts'

const MODEL = 'klingai:5@3'
const A = 'https://a.example/a.png'
const bodyOf = (request: Partial<VideoRequest>, inputs?: Parameters<typeof translateVideo>[1]) =>
  translateVideo({ model: MODEL, ...request }, inputs).body

describe('a video request for Runware', () => {
  it('has every word of OpenAI in the vendor’s, and keeps the others', () => {
    const request = {
      model: MODEL,
      prompt: 'a cat',
      negative_prompt: 'dogs',
      seconds: '5',
      size: '1280x720',
      seed: 7,
      input_reference: A,
      fps: 24,
      providerSettings: { klingai: { x: 1 } },
    }
    expect(translateVideo(request)).toEqual({
      operation: 'videoInference',
      model: MODEL,
      body: {
        model: MODEL,
        positivePrompt: 'a cat',
        negativePrompt: 'dogs',
        width: 1280,
        height: 720,
        duration: 5,
        seed: 7,
        fps: 24,
        inputs: { frameImages: [{ image: A, frame: 'first' }] },
        providerSettings: { klingai: { x: 1 } },
      },
      display: { prompt: 'a cat', size: '1280x720', seconds: '5' },
    })
  })

  it('says no more than the caller did', () => {
    expect(bodyOf({ prompt: 'x', resolution: '720p' })).toEqual({
      model: MODEL,
      positivePrompt: 'x',
      resolution: '720p',
    })
    expect(bodyOf({ prompt: 'x', input_reference: A })).not.toHaveProperty('width')
    expect(bodyOf({ prompt: 'x', inputs: { video: 'https://v' } })).not.toHaveProperty('width')
  })

  it('from text alone has a size, as the vendor wants', () => {
    expect(translateVideo({ model: MODEL, prompt: 'x' })).toMatchObject({
      body: { width: 1920, height: 1080 },
      display: { size: '1920x1080' },
    })
  })

  it.each([
    ['runway:1@2', 1280, 720],
    ['lightricks:ltx@2.3', 1920, 1080],
    ['vidu:4@2', 1920, 1080],
  ])('for %s, which does not choose, has a size', (model, width, height) => {
    expect(bodyOf({ model })).toMatchObject({ width, height })
    expect(bodyOf({ model, resolution: '720p' })).not.toHaveProperty('width')
    expect(bodyOf({ model, size: '640x480' })).toMatchObject({ width: 640, height: 480 })
  })

  it.each<[string, Partial<VideoRequest>, Parameters<typeof translateVideo>[1], object]>([
    [
      'a stored image',
      { input_reference: A },
      { image: { $input: 0 } },
      { frameImages: [{ image: { $input: 0 }, frame: 'first' }] },
    ],
    ['the object form', { input_reference: { image_url: A } }, {}, { frameImages: [{ image: A, frame: 'first' }] }],
    [
      'a first and a last frame',
      { input_reference: A, reference_images: [{ uri: 'https://b', position: 'last' }] },
      {},
      {
        frameImages: [
          { image: A, frame: 'first' },
          { image: 'https://b', frame: 'last' },
        ],
      },
    ],
    [
      'the older form of frames',
      { frameImages: [{ inputImage: A, frame: 'first' }, { inputImage: { $input: 1 } }, 'https://c'] },
      {},
      { frameImages: [{ image: A, frame: 'first' }, { image: { $input: 1 } }, { image: 'https://c' }] },
    ],
    [
      'references',
      { reference_images: [{ uri: A }, { $input: 0 }], references: [{ image_url: 'https://b' }] },
      {},
      { referenceImages: [A, { $input: 0 }, 'https://b'] },
    ],
    ['a video', { video_uri: 'https://v' }, {}, { video: 'https://v' }],
    [
      'inputs of the caller’s own',
      { input_reference: A, inputs: { audio: 'https://s' } },
      {},
      { frameImages: [{ image: A, frame: 'first' }], audio: 'https://s' },
    ],
  ])('with %s has them in the form every model takes', (_name, request, inputs, expected) => {
    expect(bodyOf(request, inputs)).toEqual({ model: MODEL, inputs: expected })
  })

  it('has sound and moderation where the maker of the model reads them', () => {
    expect(bodyOf({ model: 'google:3@0', audio: false })).toMatchObject({
      providerSettings: { google: { generateAudio: false } },
    })
    expect(bodyOf({ model: MODEL, audio: true })).toMatchObject({ audio: true })
    const request = { content_moderation: { public_figure_threshold: 'low' }, providerSettings: { runway: { x: 1 } } }
    expect(bodyOf({ model: 'runway:1@1', ...request })).toMatchObject({
      providerSettings: { runway: { contentModeration: { publicFigureThreshold: 'low' }, x: 1 } },
    })
  })

  it.each<[Partial<VideoRequest>, string, string]>([
    [{ size: '1280' }, 'invalid_size', 'size'],
    [{ seconds: 'long' }, 'invalid_seconds', 'seconds'],
    [{ seconds: '0' }, 'invalid_seconds', 'seconds'],
    [{ seconds: '-4' }, 'invalid_seconds', 'seconds'],
    [{ input_reference: {} }, 'invalid_input_reference', 'input_reference'],
  ])('with %j is refused', (wrong, code, param) => {
    expect(() => bodyOf(wrong)).toThrow(expect.objectContaining({ code, param }))
  })

  it('of any kind is translated or refused with a ProblemError, is never changed, and loses no key of its own', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue())
    const known = fc.record(
      {
        prompt: fc.string(),
        seconds: fc.oneof(fc.string(), fc.nat().map(String)),
        size: fc.oneof(fc.string(), fc.constant('1280x720')),
        input_reference: fc.oneof(fc.string(), fc.record({ image_url: fc.string() }, { requiredKeys: [] })),
        seed: fc.nat(),
        audio: fc.boolean(),
        video_uri: fc.string(),
        references: fc.array(json),
        reference_images: fc.array(json),
        content_moderation: json,
        providerSettings: fc.jsonValue(),
        frameImages: fc.jsonValue(),
        inputs: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const extras = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('width', '__proto__', 'toString')),
      fc.jsonValue(),
    )
    const model = fc.oneof(fc.constantFrom(MODEL, 'google:3@0', 'runway:1@2', '__proto__:x'), fc.string())
    fc.assert(
      fc.property(extras, known, model, (own, openAi, name) => {
        const request = { ...own, ...openAi, model: name }
        const before = JSON.stringify(request)
        try {
          const { body } = translateVideo(request)
          for (const [key, value] of Object.entries(own)) {
            if (!(key in openAi) && !/^(model|negative_prompt)$/.test(key)) {
              expect(Object.getOwnPropertyDescriptor(body, key)?.value).toBe(value)
            }
          }
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error
          expect([error.status, typeof error.param]).toEqual([400, 'string'])
        }
        expect(JSON.stringify(request)).toBe(before)
      }),
      { numRuns: 500 },
    )
  })
})
