import { z } from 'zod'
import { contentModeration, flag, oneOf, RATIOS, seed, typedMedia, uri } from './fields.ts'
import { model } from './model.ts'

export const VIDEO_TO_HDR = model(
  'ruby',
  { perSecond: 20 },
  {
    videoUri: uri,
    outputFormat: oneOf(
      'hdr10 hlg hdr_prores hdr_exr_sequence hdr_exr_acescg_sequence_1_3 hdr_exr_acescg_sequence_2_0',
    ).optional(),
    proresProfile: z.enum(['422', '4444', '422 HQ']).optional(),
  },
)

export const CHARACTER_PERFORMANCE = model(
  'act_two',
  { perSecond: 5 },
  {
    character: typedMedia('image video'),
    reference: typedMedia('video'),
    bodyControl: flag,
    expressionIntensity: z.int().min(1).max(5).optional(),
    ratio: oneOf(RATIOS.gen4).optional(),
    seed,
    contentModeration,
  },
)

export const VIDEO_UPSCALE = {
  ...model(
    'magnific_video_upscaler_creative',
    { perSecond: 10 },
    {
      videoUri: uri,
      resolution: oneOf('720p 1k 2k 4k').optional(),
      creativity: z.number().min(0).max(100).optional(),
      sharpen: z.number().min(0).max(100).optional(),
      smartGrain: z.number().min(0).max(100).optional(),
      flavor: oneOf('vivid natural').optional(),
      fpsBoost: flag,
    },
  ),
  ...model(
    'enhance_frame_rate',
    { perSecond: 2 },
    {
      videoUri: uri,
      targetFramerate: oneOf('24 25 30 48 50 60 120 23_98 29_97 59_94'),
    },
  ),
}

const avatarVoice = z.union([
  z.strictObject({ type: z.literal('preset'), presetId: z.string() }),
  z.strictObject({ type: z.literal('custom'), id: z.string() }),
])
export const AVATAR_VIDEOS = model(
  'gwm1_avatars',
  { perSecond: 5 },
  {
    avatar: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('runway-preset'), presetId: z.string() }),
      z.strictObject({ type: z.literal('custom'), avatarId: z.string() }),
    ]),
    speech: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('audio'), audio: uri }),
      z.strictObject({ type: z.literal('text'), text: z.string().min(1), voice: avatarVoice.optional() }),
    ]),
  },
)
