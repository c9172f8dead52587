import { z } from 'zod'
import {
  contentModeration,
  firstAndLastFrame,
  firstFrame,
  keyFramesOrReferences,
  oneOf,
  RATIOS,
  seconds,
  seed,
  text,
} from './fields.ts'
import { model, models } from './model.ts'
import {
  anySeconds,
  gen45,
  grok,
  h3,
  hailuo,
  longPrompt,
  omni11,
  omniRatio,
  prompt,
  seedance,
  seedanceRatios,
  veo,
  wan,
} from './video-fields.ts'

export const IMAGE_TO_VIDEO = {
  ...model(
    'gen4.5',
    { perSecond: 12 },
    {
      promptImage: firstFrame,
      promptText: prompt,
      ratio: oneOf(RATIOS.gen4),
      duration: seconds(2, 10),
      ...gen45,
    },
  ),
  ...model(
    'gen4_turbo',
    { perSecond: 5 },
    {
      promptImage: firstFrame,
      ratio: oneOf(RATIOS.gen4),
      promptText: prompt.optional(),
      duration: seconds(2, 10).optional(),
      seed,
      contentModeration,
    },
  ),
  ...model(
    'veo3.1',
    { perSecond: 20, usualSeconds: 8 },
    { promptImage: firstAndLastFrame, promptText: prompt.optional(), ...veo },
  ),
  ...model(
    'veo3.1_fast',
    { perSecond: 10, usualSeconds: 8 },
    { promptImage: firstAndLastFrame, promptText: prompt.optional(), ...veo },
  ),
  ...model(
    'seedance2',
    { perSecond: 36 },
    {
      promptImage: keyFramesOrReferences,
      promptText: longPrompt.optional(),
      ...seedance(seedanceRatios),
    },
  ),
  ...models(
    'seedance2_fast seedance2_mini',
    { perSecond: 18 },
    {
      promptImage: keyFramesOrReferences,
      promptText: longPrompt.optional(),
      ...seedance(RATIOS.seedanceSmall),
    },
  ),
  ...model(
    'seedance2_5',
    { perSecond: 30 },
    {
      promptImage: keyFramesOrReferences,
      promptText: text(15_000).optional(),
      ...seedance(RATIOS.seedance25),
    },
  ),
  ...model(
    'gemini_omni_flash',
    { perSecond: 10 },
    {
      promptImage: firstFrame,
      promptText: text(5000).optional(),
      duration: seconds(3, 10).optional(),
      ratio: omniRatio,
    },
  ),
  ...model(
    'gemini_omni_flash_1.1',
    { perSecond: 10 },
    { promptImage: firstAndLastFrame, promptText: text(5000), ...omni11 },
  ),
  ...model('hailuo3', { perSecond: 10 }, { promptImage: keyFramesOrReferences, promptText: text(5000), ...hailuo }),
  ...model(
    'happyhorse_1_0',
    { perSecond: 10 },
    {
      promptImage: firstFrame,
      promptText: text(2500).optional(),
      duration: anySeconds,
      resolution: oneOf('720p 1080p 720P 1080P').optional(),
    },
  ),
  ...model(
    'grok_imagine_1_5',
    { perSecond: 10 },
    { promptImage: firstFrame, promptText: text(5000).optional(), ...grok },
  ),
  ...models(
    'wan3 wan3_prime',
    { perSecond: 10 },
    { promptImage: keyFramesOrReferences, promptText: text(5000), ...wan },
  ),
  ...model('h3_max', { perSecond: 10 }, { promptImage: firstAndLastFrame, promptText: text(5000), ...h3 }),
  ...model(
    'gen3a_turbo',
    { perSecond: 5 },
    {
      promptImage: firstAndLastFrame,
      promptText: prompt,
      duration: z.union([z.literal(5), z.literal(10)]).optional(),
      ratio: oneOf('768:1280 1280:768').optional(),
      seed,
      contentModeration,
    },
  ),
  ...model(
    'veo3',
    { perSecond: 40 },
    {
      promptImage: firstFrame,
      promptText: prompt.optional(),
      ratio: oneOf(RATIOS.veo),
      duration: z.literal(8),
      seed,
    },
  ),
}
