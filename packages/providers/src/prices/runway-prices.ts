import type { Price } from './price.ts'

const video = (perSecond: number, assumedSeconds: number): Price => ({ perSecond, assumedSeconds })
const SPOKEN: Price = { charactersPerUnit: 50 }

/**
 * Runway's published prices in credits, autumn 2026, by model. `assumedSeconds` is the longest that a model makes where
 * the body names no duration, or `auto`: Runway reserves the maximum and refunds the rest. What is not listed has no
 * estimate until `PRICES` names one.
 */
export const RUNWAY_PRICES: Readonly<Record<string, Price>> = {
  'gen4.5': video(12, 10),
  gen4_turbo: video(5, 10),
  gen4_aleph: video(15, 5),
  aleph2: video(28, 10),
  act_two: video(5, 30),
  gen3a_turbo: video(5, 10),
  veo3: video(40, 8),
  'veo3.1': { perSecond: 40, perSilentSecond: 20, assumedSeconds: 8 },
  'veo3.1_fast': { perSecond: 15, perSilentSecond: 10, assumedSeconds: 8 },
  seedance2: video(36, 15),
  seedance2_5: { perSecond: 30, assumedSeconds: 15, minimum: 80 },
  gemini_omni_flash: video(10, 10),
  grok_imagine_1_5: video(10, 10),
  // 20 up to 4 megapixels; the body does not say how large its source is.
  ruby: video(40, 10),

  gen4_image: { perResult: 8, perSmallResult: 5 },
  gen4_image_turbo: { perResult: 2 },
  'gemini_2.5_flash': { perResult: 5 },
  gemini_image3_pro: { perResult: 40 },
  gpt_image_2: { perResult: 41 },
  seedream5_pro: { perResult: 9 },
  seedream5_lite: { perResult: 4 },
  muse_image: { perResult: 1 },

  eleven_multilingual_v2: SPOKEN,
  eleven_v3: SPOKEN,
  eleven_text_to_sound_v2: { perTask: 2 },
}
