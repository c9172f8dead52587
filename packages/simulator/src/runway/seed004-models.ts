import { z } from 'zod'
import { oneOf, RATIOS, text, typedMedia, uri } from './fields.ts'
import { type Model, model, models } from './model.ts'

/** The dialect of the seed document: an older, smaller picture of the same API. */
const fiveOrTen = z.union([z.literal(5), z.literal(10)]).optional()
const ratio = oneOf(RATIOS.seed004).optional()
const prompt = text(1000)
const clip = { perSecond: 5 }

const IMAGE_TO_VIDEO = models('gen4 gen4_turbo gen4.5 gen4_aleph', clip, {
  promptImage: uri,
  promptText: prompt.optional(),
  duration: fiveOrTen,
  ratio,
})
const TEXT_TO_VIDEO = models('gen4.5 veo3.1 veo3.1_fast veo3', clip, { promptText: prompt, duration: fiveOrTen, ratio })

export const SEED004_ENDPOINTS: Readonly<Record<string, Readonly<Record<string, Model>>>> = {
  image_to_video: IMAGE_TO_VIDEO,
  text_to_video: TEXT_TO_VIDEO,
  video_to_video: model('gen4_aleph', clip, { promptVideo: uri, promptText: prompt, ratio }),
  character_performance: model('act_two', clip, {
    character: typedMedia('image video'),
    reference: typedMedia('image video'),
    ratio,
  }),
  lip_sync: models('gen4 gen4_turbo', clip, { input: uri, audio: uri }),
  video_upscale: model('upscale_v1', clip, { videoUri: uri }),
  frame_interpolation: model('frame_interpolation_v1', clip, { videoUri: uri }),
  sound_effect: model(
    'sound_effect_v1',
    { perTask: 2 },
    {
      promptText: prompt,
      videoUri: uri.optional(),
      duration: z.int().min(1).optional(),
    },
  ),
}
