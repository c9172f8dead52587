import { z } from 'zod'
import { contentModeration, oneOf, RATIOS, references, referenceVideos, seed, text, typedMedia, uri } from './fields.ts'
import { model, models } from './model.ts'
import {
  hailuo,
  longPrompt,
  omni11,
  prompt,
  proresProfile,
  seedance,
  seedance25References,
  seedanceRatios,
  seedanceReferences,
} from './video-fields.ts'

const range = z.strictObject({ start_seconds: z.number(), end_seconds: z.number() }).optional()
const editing = oneOf('reference extend edit').optional()

export const VIDEO_TO_VIDEO = {
  ...model(
    'aleph2',
    { perSecond: 28 },
    {
      videoUri: uri,
      promptText: prompt.optional(),
      keyframes: z
        .array(
          z.union([
            z.strictObject({ seconds: z.number(), uri, range }),
            z.strictObject({ at: z.number(), uri, range }),
          ]),
        )
        .max(5)
        .optional(),
      targetAspectRatio: oneOf('16:9 4:3 3:2 1:1 2:3 3:4 9:16 21:9').optional(),
      ratio: z.string().optional(),
      seed,
      contentModeration,
      outputFormat: oneOf('mp4 prores png_sequence sdr_rec709_10bit').optional(),
      proresProfile,
    },
  ),
  ...model(
    'gemini_omni_flash',
    { perSecond: 10 },
    { videoUri: uri, promptText: text(5000), references: references(10) },
  ),
  ...model(
    'gemini_omni_flash_1.1',
    { perSecond: 10 },
    {
      videoUri: uri,
      promptText: text(5000),
      mode: editing,
      ...omni11,
      references: references(10),
    },
  ),
  ...model(
    'hailuo3',
    { perSecond: 10 },
    {
      promptVideo: uri,
      promptText: text(5000),
      ...hailuo,
      references: references(9),
      referenceVideos,
    },
  ),
  ...model(
    'seedance2',
    { perSecond: 36 },
    {
      promptVideo: uri,
      promptText: longPrompt.optional(),
      ...seedance(seedanceRatios),
      ...seedanceReferences,
    },
  ),
  ...models(
    'seedance2_fast seedance2_mini',
    { perSecond: 18 },
    {
      promptVideo: uri,
      promptText: longPrompt.optional(),
      ...seedance(RATIOS.seedanceSmall),
      ...seedanceReferences,
    },
  ),
  ...model(
    'seedance2_5',
    { perSecond: 30 },
    {
      promptVideo: uri,
      promptText: text(15_000).optional(),
      mode: editing,
      ...seedance(RATIOS.seedance25),
      ...seedance25References,
    },
  ),
  ...model(
    'gen4_aleph',
    { perSecond: 15 },
    {
      videoUri: uri,
      promptText: prompt,
      ratio: oneOf(`${RATIOS.gen4} 848:480 640:480`).optional(),
      references: z.array(typedMedia('image')).optional(),
      seed,
      contentModeration,
    },
  ),
}
