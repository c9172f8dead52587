import { expect, it } from 'vitest'
import { kindOf, operationsOf, translateVideo } from './registry.ts'
import { endpointOf } from './runway/operations.ts'

const EXPECTED = {
  video:
    'text_to_video image_to_video video_to_video video_to_hdr video_upscale frame_interpolation character_performance lip_sync avatar_videos',
  image: 'text_to_image image_upscale',
  audio: 'sound_effect text_to_speech speech_to_speech voice_dubbing voice_isolation',
}

it('Runway offers every operation of both dialects, each with what it makes and its own path', () => {
  const operations = operationsOf('runway')
  for (const [kind, names] of Object.entries(EXPECTED)) {
    expect(operations.filter((operation) => operation.kind === kind).map(({ name }) => name)).toEqual(names.split(' '))
  }
  expect(operations.map(({ name }) => endpointOf(name))).toEqual(operations.map(({ name }) => `/v1/${name}`))
})

it('an operation that is not in the table has no path', () => {
  expect(() => endpointOf('../organization')).toThrow(/no operation/)
  expect(() => endpointOf('constructor')).toThrow(/no operation/)
})

it('a request is translated by the vendor it names', () => {
  expect(translateVideo('runway', { model: 'gen4.5', prompt: 'x' })).toMatchObject({ operation: 'text_to_video' })
  expect(translateVideo('runware', { model: 'klingai:5@3', prompt: 'x' })).toMatchObject({
    operation: 'videoInference',
  })
})

it('an upscale of a video makes a video, of an image an image', () => {
  expect(kindOf('runware', 'upscale', { inputs: { image: 'https://a.example/1.png' } })).toBe('image')
  expect(kindOf('runware', 'upscale', { inputs: { video: 'https://a.example/1.mp4' } })).toBe('video')
  expect(kindOf('runway', 'video_upscale', {})).toBe('video')
  expect(() => kindOf('runware', 'text_to_video', {})).toThrow(/no operation/)
})
