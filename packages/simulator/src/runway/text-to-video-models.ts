import { z } from 'zod'
import { oneOf, RATIOS, referenceAudio, references, referenceVideos, seconds, seed, text, uri } from './fields.ts'
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
  seedance25References,
  seedanceRatios,
  seedanceReferences,
  veo,
  wan,
} from './video-fields.ts'

export const TEXT_TO_VIDEO = {
  ...model(
    'gen4.5',
    { perSecond: 12 },
    { promptText: prompt, ratio: omniRatio.unwrap(), duration: seconds(2, 10), ...gen45 },
  ),
  ...model('veo3.1', { perSecond: 20, usualSeconds: 8 }, { promptText: prompt, ...veo }),
  ...model('veo3.1_fast', { perSecond: 10, usualSeconds: 8 }, { promptText: prompt, ...veo }),
  ...model(
    'seedance2',
    { perSecond: 36 },
    { promptText: longPrompt, ...seedance(seedanceRatios), ...seedanceReferences },
  ),
  ...models(
    'seedance2_fast seedance2_mini',
    { perSecond: 18 },
    {
      promptText: longPrompt,
      ...seedance(RATIOS.seedanceSmall),
      ...seedanceReferences,
    },
  ),
  ...model(
    'seedance2_5',
    { perSecond: 30 },
    {
      promptText: text(15_000).optional(),
      ...seedance(RATIOS.seedance25),
      ...seedance25References,
    },
  ),
  ...model(
    'gemini_omni_flash',
    { perSecond: 10 },
    { promptText: text(5000), duration: seconds(3, 10).optional(), ratio: omniRatio },
  ),
  ...model(
    'gemini_omni_flash_1.1',
    { perSecond: 10 },
    {
      promptText: text(5000),
      ...omni11,
      references: references(10),
      referenceVideos: z.array(z.strictObject({ uri })).optional(),
    },
  ),
  ...model(
    'hailuo3',
    { perSecond: 10 },
    { promptText: text(5000), ...hailuo, references: references(9), referenceVideos },
  ),
  ...model(
    'happyhorse_1_0',
    { perSecond: 10 },
    {
      promptText: text(2500),
      duration: anySeconds,
      ratio: oneOf(RATIOS.happyhorse).optional(),
    },
  ),
  ...model(
    'grok_imagine_1_5',
    { perSecond: 10 },
    {
      promptText: text(5000),
      ...grok,
      ratio: oneOf(RATIOS.grok).optional(),
      references: references(10),
      referenceAudio,
    },
  ),
  ...models('wan3 wan3_prime', { perSecond: 10 }, { promptText: text(5000), ...wan, references: references(10) }),
  ...model('h3_max', { perSecond: 10 }, { promptText: text(5000), ...h3 }),
  ...model('veo3', { perSecond: 40 }, { promptText: prompt, ratio: oneOf(RATIOS.veo), duration: z.literal(8), seed }),
}
