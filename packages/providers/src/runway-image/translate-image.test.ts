import { ProblemError } from '@genqueue/contract'
import { describe, expect, it } from 'vitest'
import type { ImageRequest } from '../image-request.ts'
import { translateRunwayImage } from './translate-image.ts'

const A = 'https://a.example/a.png'
function problemOf(request: ImageRequest): ProblemError {
  try {
    translateRunwayImage(request)
  } catch (error) {
    if (error instanceof ProblemError) return error
  }
  throw new Error('no problem')
}

describe('an image request for Runway', () => {
  it('is a text_to_image with its size as a ratio and its images as references', () => {
    const request = {
      model: 'gen4_image',
      prompt: '@cat on a wall',
      size: '1920x1080',
      seed: 7,
      n: 1,
      output_format: 'png',
      reference_images: [{ uri: 'https://c', tag: 'cat' }],
      contentModeration: { publicFigureThreshold: 'low' },
    }
    expect(translateRunwayImage(request, { images: [A, { $input: 0 }] })).toEqual({
      operation: 'text_to_image',
      model: 'gen4_image',
      body: {
        model: 'gen4_image',
        promptText: '@cat on a wall',
        ratio: '1920:1080',
        referenceImages: [{ uri: A }, { uri: { $input: 0 } }, { uri: 'https://c', tag: 'cat' }],
        seed: 7,
        contentModeration: { publicFigureThreshold: 'low' },
      },
      responseFormat: 'url',
      count: 1,
      display: { prompt: '@cat on a wall', size: '1920x1080' },
    })
  })

  it('has a size of the model’s own when it names none, and a number of images where the model makes several', () => {
    expect(translateRunwayImage({ model: 'gen4_image', prompt: 'x' }).body).toMatchObject({ ratio: '1024:1024' })
    expect(translateRunwayImage({ model: 'gpt_image_2', prompt: 'x', n: 4 })).toMatchObject({
      body: { ratio: 'auto', outputCount: 4 },
      count: 4,
      display: { size: null },
    })
  })

  it('for a model that is not listed is passed on', () => {
    const request = { model: 'brand_new', prompt: 'x', size: '333x444', n: 3, output_format: 'jpeg', style: 'ink' }
    expect(translateRunwayImage(request).body).toEqual({
      model: 'brand_new',
      promptText: 'x',
      ratio: '333:444',
      outputCount: 3,
      outputFormat: 'jpeg',
      style: 'ink',
    })
  })

  it.each<[object, string, string]>([
    [{ size: '1x1' }, 'invalid_size', 'size'],
    [{ prompt: '' }, 'missing_parameter', 'prompt'],
    [{ n: 2 }, 'not_supported', 'n'],
    [{ mask: A }, 'not_supported', 'mask'],
    [{ output_format: 'webp' }, 'not_supported', 'output_format'],
    [{ seed: '9223372036854775807' }, 'invalid_request', 'seed'],
    [{ image: [A, A, A, A] }, 'invalid_input_reference', 'image'],
    [{ model: 'gen4_image_turbo' }, 'missing_parameter', 'image'],
    [{ model: 'gpt_image_2', n: 11 }, 'invalid_request', 'n'],
    [{ reference_images: [{ uri: A, tag: '1x' }] }, 'invalid_input_reference', 'reference_images'],
    [
      {
        reference_images: [
          { uri: A, tag: 'cat' },
          { uri: A, tag: 'cat' },
        ],
      },
      'invalid_input_reference',
      'reference_images',
    ],
  ])('with %j is refused', (wrong, code, param) => {
    expect(problemOf({ model: 'gen4_image', prompt: 'x', ...wrong })).toMatchObject({ code, param })
  })
})
