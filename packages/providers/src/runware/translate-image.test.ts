import { ProblemError } from '@genqueue/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImageInputs, ImageRequest } from '../image-request.ts'
import { translateImage } from './translate-image.ts'

const CLASSIC = 'runware:100@1'
const MODERN = 'google:4@1'
const A = 'https://a.example/a.png'
const B = { $input: 0 }

const bodyOf = (request: ImageRequest, inputs?: ImageInputs) => translateImage(request, inputs).body
function problemOf(request: ImageRequest): ProblemError {
  try {
    translateImage(request)
  } catch (error) {
    if (error instanceof ProblemError) return error
  }
  throw new Error('no problem')
}

describe('an image request for Runware', () => {
  it('has every word of OpenAI in the vendor’s, and keeps the others', () => {
    const request: ImageRequest = {
      model: CLASSIC,
      prompt: 'a cat',
      negative_prompt: 'dogs',
      size: '512x768',
      num_inference_steps: 30,
      seed: 42,
      n: 4,
      response_format: 'b64_json',
      output_format: 'webp',
      output_compression: 80,
      seedImage: A,
      strength: 0.7,
      CFGScale: 7,
      user: 'somebody',
      quality: 'auto',
      stream: false,
      background: null,
    }
    expect(translateImage(request)).toEqual({
      operation: 'imageInference',
      model: CLASSIC,
      body: {
        model: CLASSIC,
        positivePrompt: 'a cat',
        negativePrompt: 'dogs',
        width: 512,
        height: 768,
        steps: 30,
        seed: 42,
        numberResults: 4,
        outputFormat: 'WEBP',
        outputQuality: 80,
        seedImage: A,
        strength: 0.7,
        CFGScale: 7,
      },
      responseFormat: 'b64_json',
      count: 4,
      display: { prompt: 'a cat', size: '512x768' },
    })
  })

  it('is of the usual size and one image when it does not say', () => {
    expect(translateImage({ model: CLASSIC, prompt: 'x' })).toMatchObject({
      body: { width: 1024, height: 1024 },
      count: 1,
      responseFormat: 'url',
      display: { size: '1024x1024' },
    })
    expect(bodyOf({ model: MODERN, prompt: 'x', size: 'auto', n: null })).toMatchObject({ width: 1024, height: 1024 })
    expect(bodyOf({ model: MODERN, prompt: 'x', resolution: '2k' })).not.toHaveProperty('width')
  })

  it.each<[string, ImageRequest, ImageInputs, object]>([
    ['one image, first generation', { model: CLASSIC }, { images: [B] }, { seedImage: B, width: 1024, height: 1024 }],
    [
      'several images and a mask, first generation',
      { model: 'civitai:4384@128713' },
      { images: [A, B], mask: 'https://m' },
      { seedImage: A, maskImage: 'https://m', referenceImages: [B], width: 1024, height: 1024 },
    ],
    ['one image', { model: MODERN }, { images: [B] }, { inputs: { referenceImages: [B] } }],
    ['several images', { model: MODERN }, { images: [A, B] }, { inputs: { referenceImages: [A, B] } }],
    [
      'several images and a size',
      { model: MODERN, size: '512x512' },
      { images: [A, B] },
      { inputs: { referenceImages: [A, B] }, width: 512, height: 512 },
    ],
    ['an image and a mask', { model: MODERN }, { images: [A], mask: B }, { inputs: { image: A, mask: B } }],
    [
      'more of them',
      { model: MODERN },
      { images: [A, 'https://c'], mask: B },
      { inputs: { image: A, mask: B, referenceImages: ['https://c'] } },
    ],
    [
      'references, with and without tags',
      { model: MODERN, reference_images: [A, { uri: 'https://b' }, { uri: 'https://c', tag: 'cat' }] },
      {},
      { inputs: { referenceImages: [A, 'https://b', { image: 'https://c', tag: 'cat' }] } },
    ],
    [
      'inputs of the caller’s own',
      { model: MODERN, inputs: { image: 'https://x' } },
      { images: [A] },
      { inputs: { image: 'https://x', referenceImages: [A] } },
    ],
    [
      'addresses in the request',
      { model: MODERN, image: [A, 'https://b'], mask: null },
      {},
      { inputs: { referenceImages: [A, 'https://b'] } },
    ],
    [
      'outpainting',
      { model: CLASSIC, size: '1024x1152', outpaint: { top: 128 } },
      { images: [A] },
      { seedImage: A, outpaint: { top: 128 }, width: 1024, height: 1152 },
    ],
  ])('with %s has them where the model looks', (_name, request, inputs, expected) => {
    expect(bodyOf(request, inputs)).toEqual({ model: request.model, ...expected })
  })

  it.each<[object, string, string]>([
    [{ size: '1024' }, 'invalid_size', 'size'],
    [{ size: '0x512' }, 'invalid_size', 'size'],
    [{ size: '1024x1024x3' }, 'invalid_size', 'size'],
    [{ n: 0 }, 'invalid_request', 'n'],
    [{ n: 21 }, 'invalid_request', 'n'],
    [{ n: 1.5 }, 'invalid_request', 'n'],
    [{ seed: -1 }, 'invalid_request', 'seed'],
    [{ seed: 2 ** 60 }, 'invalid_request', 'seed'],
    [{ seed: '9999999999999999999' }, 'invalid_request', 'seed'],
    [{ response_format: 'file' }, 'invalid_request', 'response_format'],
    [{ output_format: 'gif' }, 'invalid_request', 'output_format'],
    [{ output_compression: 101 }, 'invalid_request', 'output_compression'],
    [{ stream: true }, 'not_supported', 'stream'],
    [{ partial_images: 2 }, 'not_supported', 'partial_images'],
    [{ outpaint: { top: 64 } }, 'missing_parameter', 'size'],
    [{ reference_images: [{ tag: 'cat' }] }, 'invalid_input_reference', 'reference_images'],
  ])('with %j is refused', (wrong, code, param) => {
    expect(problemOf({ model: CLASSIC, prompt: 'x', ...wrong })).toMatchObject({ code, param })
  })

  it('may have a seed larger than a number holds', () => {
    expect(bodyOf({ model: CLASSIC, seed: '9223372036854775807' }).seed).toBe('9223372036854775807')
    expect(bodyOf({ model: CLASSIC, seed: '0042' }).seed).toBe(42)
  })

  it('stays within the vendor’s scale of quality', () => {
    const qualities = [0, 55.4, 100].map(
      (output_compression) => bodyOf({ model: CLASSIC, output_compression }).outputQuality,
    )
    expect(qualities).toEqual([20, 55, 99])
  })

  it('of any kind is translated or refused with a ProblemError, is never changed, and loses no key of its own', () => {
    const known = fc.record(
      {
        prompt: fc.string(),
        n: fc.oneof(fc.integer(), fc.double(), fc.constant(null)),
        size: fc.oneof(fc.string(), fc.constant('512x512'), fc.constant('auto')),
        seed: fc.oneof(fc.integer(), fc.bigInt().map(String), fc.string()),
        response_format: fc.oneof(fc.string(), fc.constantFrom('url', 'b64_json')),
        output_format: fc.oneof(fc.string(), fc.constantFrom('png', 'jpeg', 'toString')),
        output_compression: fc.oneof(fc.integer(), fc.double()),
        image: fc.oneof(fc.string(), fc.array(fc.string())),
        mask: fc.string(),
        reference_images: fc.array(fc.oneof(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()))),
        inputs: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const extras = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('seedImage', 'width', '__proto__', 'toString')),
      fc.jsonValue(),
    )
    const model = fc.oneof(fc.constantFrom(CLASSIC, MODERN), fc.string())
    fc.assert(
      fc.property(extras, known, model, (own, openAi, name) => {
        const request = { ...own, ...openAi, model: name }
        const before = JSON.stringify(request)
        try {
          const { body } = translateImage(request)
          for (const [key, value] of Object.entries(own)) {
            const isOwn =
              value !== null && !/^(model|user|stream|partial_images|quality|background|moderation|inputs)$/.test(key)
            if (isOwn && !(key in openAi)) expect(Object.getOwnPropertyDescriptor(body, key)?.value).toBe(value)
          }
          if (openAi.seed) expect(String(body.seed)).toBe(String(BigInt(openAi.seed)))
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
