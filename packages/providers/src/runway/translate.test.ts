import { ProblemError } from '@genqueue/contract'
import { describe, expect, it } from 'vitest'
import type { VideoRequest } from '../video-request.ts'
import { translateVideo } from './translate.ts'

const IMAGE = 'https://cdn.example.com/a.png'
const VIDEO = 'https://cdn.example.com/a.mp4'

function problemOf(request: VideoRequest): { code: string; param: string | undefined; message: string } {
  try {
    translateVideo(request)
  } catch (error) {
    if (error instanceof ProblemError) return { code: error.code, param: error.param, message: error.message }
    throw error
  }
  throw new Error('was accepted')
}

describe('the mode', () => {
  it('is text_to_video with a prompt alone, with the defaults of the pages', () => {
    expect(translateVideo({ model: 'gen4.5', prompt: 'x' })).toEqual({
      operation: 'text_to_video',
      model: 'gen4.5',
      body: { model: 'gen4.5', promptText: 'x', ratio: '1280:720', duration: 2 },
      display: { prompt: 'x', size: '1280x720', seconds: '2' },
    })
  })

  it('is image_to_video with an input_reference, given as text, object, stored input or promptImage', () => {
    const expected = { model: 'gen4_turbo', promptText: 'x', ratio: '1280:720', duration: 5 }
    const request = { model: 'gen4_turbo', prompt: 'x', seconds: '5', size: '1280x720' }
    for (const input_reference of [IMAGE, { image_url: IMAGE }]) {
      const { operation, body } = translateVideo({ ...request, input_reference })
      expect({ operation, body }).toEqual({ operation: 'image_to_video', body: { ...expected, promptImage: IMAGE } })
    }
    const stored = translateVideo({ ...request, input_reference: IMAGE }, { image: { $input: 0 } })
    expect(stored.body.promptImage).toEqual({ $input: 0 })
    const promptImage = [{ uri: IMAGE, position: 'first' }]
    expect(translateVideo({ ...request, promptImage })).toMatchObject({
      operation: 'image_to_video',
      body: { promptImage },
    })
  })

  it('is video_to_video with a video_uri, in the field of the model and without size or duration', () => {
    expect(translateVideo({ model: 'gen4_aleph', prompt: 'x', video_uri: VIDEO }).body).toEqual({
      model: 'gen4_aleph',
      promptText: 'x',
      videoUri: VIDEO,
    })
    const seedance = translateVideo({ model: 'seedance2', video_uri: VIDEO }, { video: { $input: 0 } })
    expect(seedance).toMatchObject({ operation: 'video_to_video', body: { promptVideo: { $input: 0 } } })
    expect(translateVideo({ model: 'aleph2', video_uri: VIDEO, size: '1280x720' }).body).toEqual({
      model: 'aleph2',
      videoUri: VIDEO,
      targetAspectRatio: '16:9',
    })
  })

  it.each([
    [{ model: 'gen4_turbo', prompt: 'x' }, 'text_to_video', { promptText: 'x', ratio: '1280:720', duration: 2 }],
    [{ model: 'aleph2', prompt: 'x', seconds: '5' }, 'text_to_video', { promptText: 'x', duration: 5 }],
    [{ model: 'aleph2', input_reference: IMAGE }, 'image_to_video', { promptImage: IMAGE }],
    [{ model: 'gen4.5', prompt: 'x', video_uri: VIDEO }, 'video_to_video', { promptText: 'x', videoUri: VIDEO }],
    [{ model: 'gen4_turbo' }, 'text_to_video', { ratio: '1280:720', duration: 2 }],
  ])('is what the inputs call for, also where the table does not list it: %j', (request, operation, rest) => {
    const { model } = request
    expect(translateVideo(request)).toMatchObject({ operation, model, body: { model, ...rest } })
    expect(Object.keys(translateVideo(request).body).toSorted()).toEqual(['model', ...Object.keys(rest)].toSorted())
  })

  it('keeps the sizes and seconds that the table has for the model, where it does not list the mode', () => {
    expect(problemOf({ model: 'gen4_turbo', prompt: 'x', seconds: '11' }).code).toBe('invalid_seconds')
    expect(problemOf({ model: 'gen4_turbo', prompt: 'x', size: '1x1' }).code).toBe('invalid_size')
  })

  it.each([
    ['a prompt', { model: 'veo3.1', prompt: '' }, 'missing_parameter', 'prompt'],
    [
      'one input of two',
      { model: 'aleph2', video_uri: VIDEO, input_reference: IMAGE },
      'invalid_input_reference',
      'input_reference',
    ],
    ['a usable reference', { model: 'gen4.5', input_reference: {} }, 'invalid_input_reference', 'input_reference'],
    [
      'a first frame',
      { model: 'veo3.1', promptImage: [{ uri: IMAGE, position: 'last' }] },
      'invalid_input_reference',
      'promptImage',
    ],
    [
      'no last frame where only the first counts',
      { model: 'gen4.5', prompt: 'x', promptImage: [{ position: 'first' }, { position: 'last' }] },
      'invalid_input_reference',
      'promptImage',
    ],
  ])('asks for %s', (_name, request, code, param) => {
    expect(problemOf(request)).toMatchObject({ code, param })
  })
})

describe('size', () => {
  const t2v = (model: string, size: string) => translateVideo({ model, size, prompt: 'x' })

  it.each([
    ['gen4.5', '720x1280', '720:1280'],
    ['gen4.5', '1280:720', '1280:720'],
    ['veo3.1', '1920X1080', '1920:1080'],
    ['hailuo3', '1280x720', '16:9'],
    ['hailuo3', '1104x832', '4:3'],
    ['hailuo3', '9:16', '9:16'],
    ['hailuo3', 'adaptive', 'adaptive'],
    ['wan3', 'auto_720p', 'auto_720p'],
    ['happyhorse_1_0', '800x600', '800:600'],
    ['gen9', '123x456', '123:456'],
  ])('of %s: %s becomes %s', (model, size, ratio) => {
    expect(t2v(model, size).body.ratio).toBe(ratio)
  })

  it.each(['banana', '1280', '0x0', '1280x', '-1x2', '', '1280x720x3', '1280x720 '])('%j is never one', (size) => {
    expect(problemOf({ model: 'gen4.5', prompt: 'x', size })).toMatchObject({ code: 'invalid_size', param: 'size' })
    expect(problemOf({ model: 'gen9', prompt: 'x', size })).toMatchObject({ code: 'invalid_size', param: 'size' })
  })

  it('that a known model does not make is refused with what it makes', () => {
    expect(problemOf({ model: 'gen4.5', prompt: 'x', size: '1920x1080' }).message).toContain('1280x720, 720x1280')
    expect(problemOf({ model: 'hailuo3', prompt: 'x', size: '1000x100' }).message).toContain('16:9')
    expect(problemOf({ model: 'h3_max', prompt: 'x', size: '1280x720' }).message).toContain('takes no size')
  })

  it('is defaulted only where the model takes pixels', () => {
    expect(translateVideo({ model: 'seedance2', prompt: 'x' }).body.ratio).toBe('1280:720')
    expect(translateVideo({ model: 'hailuo3', prompt: 'x' }).body).toEqual({ model: 'hailuo3', promptText: 'x' })
    expect(translateVideo({ model: 'mystery', prompt: 'x' }).body).toEqual({ model: 'mystery', promptText: 'x' })
  })
})

describe('seconds', () => {
  it.each([
    ['gen4.5', undefined, 2],
    ['gen4.5', '10', 10],
    ['veo3.1', undefined, 4],
    ['veo3', undefined, 8],
    ['veo3.1_fast', '8', 8],
    ['seedance2', undefined, undefined],
    ['seedance2', 'auto', 'auto'],
    ['seedance2', '7', 7],
    ['gemini_omni_flash', undefined, undefined],
    ['gen9', undefined, 2],
    ['veo9', undefined, 4],
    ['mystery', '2.5', 2.5],
  ])('of %s: %s becomes %s', (model, seconds, duration) => {
    expect(translateVideo({ model, prompt: 'x', seconds }).body.duration).toBe(duration)
  })

  it.each([
    ['gen4.5', 'abc', 'from 2 to 10'],
    ['gen4.5', '1', 'from 2 to 10'],
    ['gen4.5', '2.5', 'whole number'],
    ['gen4.5', 'auto', 'from 2 to 10'],
    ['veo3.1', '5', '4, 6, 8'],
    ['mystery', '0', 'positive'],
    ['mystery', '-1', 'positive'],
    ['mystery', '1e3', 'positive'],
    ['mystery', '', 'positive'],
  ])('of %s: %j is refused with what is allowed', (model, seconds, hint) => {
    const problem = problemOf({ model, prompt: 'x', seconds })
    expect(problem).toMatchObject({ code: 'invalid_seconds', param: 'seconds' })
    expect(problem.message).toContain(hint)
  })

  it('are refused, not dropped, where the model takes none', () => {
    expect(problemOf({ model: 'aleph2', video_uri: VIDEO, seconds: '5' }).code).toBe('invalid_seconds')
  })
})

describe('the other parameters', () => {
  it('arrive under the names of the vendor, for every model', () => {
    const { body } = translateVideo({
      model: 'wan3',
      prompt: 'x',
      seed: 0,
      audio: false,
      negative_prompt: 'n',
      reference_images: [{ uri: IMAGE, tag: 'cat' }],
      content_moderation: { public_figure_threshold: 'low', other: 1 },
      outputFormat: 'mp4',
      nothing: null,
    })
    expect(body).toMatchObject({
      seed: 0,
      audio: false,
      negativePrompt: 'n',
      referenceImages: [{ uri: IMAGE, tag: 'cat' }],
      contentModeration: { publicFigureThreshold: 'low', other: 1 },
      outputFormat: 'mp4',
      nothing: null,
    })
  })

  it('accept contentModeration in the spelling of the vendor too', () => {
    const content_moderation = { publicFigureThreshold: 'low' }
    expect(translateVideo({ model: 'gen4.5', prompt: 'x', content_moderation }).body.contentModeration).toEqual(
      content_moderation,
    )
  })

  it('keep tag and type of a reference; gen4_aleph gets the type it wants', () => {
    const references = [{ uri: IMAGE, tag: 'cat' }]
    const aleph = translateVideo({ model: 'gen4_aleph', prompt: 'x', video_uri: VIDEO, references })
    expect(aleph.body.references).toEqual([{ type: 'image', uri: IMAGE, tag: 'cat' }])
    expect(translateVideo({ model: 'seedance2', prompt: 'x', references }).body.references).toEqual(references)
  })

  it('named as the vendor names them win over what is derived', () => {
    const { body, display } = translateVideo({ model: 'gen4.5', promptText: 'y', ratio: '720:1280', duration: 9 })
    expect(body).toEqual({ model: 'gen4.5', promptText: 'y', ratio: '720:1280', duration: 9 })
    expect(display).toEqual({ prompt: 'y', size: '720x1280', seconds: '9' })
  })
})
