import { ProblemError } from '@genqueue/contract'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { VideoRequest } from '../video-request.ts'
import { findVideoModel, videoModelsFor } from './models.ts'
import { translateVideo } from './translate.ts'

const MODES = ['text_to_video', 'image_to_video', 'video_to_video'] as const
const KNOWN_MODELS = [...new Set(MODES.flatMap(videoModelsFor))]
const TRANSLATED =
  /^(prompt|seconds|size|input_reference|seed|audio|video_uri|negative_prompt|references|reference_images|content_moderation|model)$/

const json = fc.dictionary(fc.string(), fc.jsonValue())
const request: fc.Arbitrary<VideoRequest> = fc
  .tuple(
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('promptImage', 'videoUri', 'ratio', '__proto__', 'toString')),
      fc.jsonValue(),
    ),
    fc.record(
      {
        prompt: fc.string(),
        seconds: fc.oneof(fc.string(), fc.integer().map(String), fc.constant('auto')),
        size: fc.oneof(
          fc.string(),
          fc.tuple(fc.nat(4000), fc.nat(4000)).map(([w, h]) => `${w}x${h}`),
        ),
        input_reference: fc.oneof(fc.string(), fc.record({ image_url: fc.string() }, { requiredKeys: [] })),
        seed: fc.nat(),
        audio: fc.boolean(),
        video_uri: fc.string(),
        negative_prompt: fc.string(),
        references: fc.array(json),
        reference_images: fc.array(json),
        content_moderation: json,
      },
      { requiredKeys: [] },
    ),
    fc.oneof(fc.constantFrom(...KNOWN_MODELS), fc.string({ minLength: 1 })),
  )
  .map(([extras, known, model]) => ({ ...extras, ...known, model }))

it('any request is translated or refused with a ProblemError, is never changed, and loses no key of its own', () => {
  fc.assert(
    fc.property(request, (given) => {
      const before = JSON.stringify(given)
      try {
        const { body, model } = translateVideo(given)
        expect(model).toBe(given.model)
        for (const [key, value] of Object.entries(given)) {
          if (!TRANSLATED.test(key)) expect(Object.getOwnPropertyDescriptor(body, key)?.value).toBe(value)
        }
        if (given.seed !== undefined) expect(body.seed).toBe(given.seed)
        if (given.audio !== undefined) expect(body.audio).toBe(given.audio)
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        expect(error.status).toBe(400)
        expect(error.param).toBeTypeOf('string')
      }
      expect(JSON.stringify(given)).toBe(before)
    }),
    { numRuns: 500 },
  )
})

it('every default of a known model is one that the model allows', () => {
  for (const model of KNOWN_MODELS) {
    for (const mode of MODES) {
      const rule = findVideoModel(model)?.[mode]
      if (rule?.ratio?.default) expect(rule.ratio.values).toContain(rule.ratio.default)
      const seconds = rule?.duration?.default
      if (rule && seconds !== undefined) {
        const sources = {
          text_to_video: {},
          image_to_video: { input_reference: 'x' },
          video_to_video: { video_uri: 'x' },
        }
        const translated = translateVideo({ model, prompt: 'x', seconds: String(seconds), ...sources[mode] })
        expect(translated).toMatchObject({ operation: mode, body: { duration: seconds } })
      }
    }
  }
})
