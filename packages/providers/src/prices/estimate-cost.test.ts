import fc from 'fast-check'
import { expect, test } from 'vitest'
import { estimateCost } from './estimate-cost.ts'
import { PriceOverrides } from './price-overrides.ts'
import { RUNWAY_PRICES } from './runway-prices.ts'

const credits = (amount: number) => ({ amount, unit: 'credits' as const })
const usd = (amount: number) => ({ amount, unit: 'usd' as const })
const OWN = PriceOverrides.parse({
  models: {
    'runway/gen4.5': { per_second: 11.5 },
    'runway/sound_effect': { per_task: 3 },
    'runway/*': { per_task: 50 },
    'runware/klingai:5@3': { per_second: 0.09, assumed_seconds: 5 },
    'runware/runware:101@1': { per_result: 0.0038 },
  },
})

test.each([
  ['text_to_video', 'gen4.5', { duration: 5 }, 60],
  ['image_to_video', 'gen4_turbo', {}, 50],
  ['text_to_video', 'veo3.1', { duration: 8, audio: false }, 160],
  ['text_to_video', 'veo3.1', { duration: 8, audio: true }, 320],
  ['text_to_video', 'seedance2', { duration: 'auto' }, 540],
  ['video_to_video', 'seedance2_5', { duration: 2 }, 80],
  ['text_to_image', 'gen4_image', { ratio: '1280:720' }, 5],
  ['text_to_image', 'gen4_image', { ratio: '1920:1080' }, 8],
  ['text_to_image', 'gemini_image3_pro', { outputCount: 4 }, 160],
  ['text_to_speech', 'eleven_v3', { promptText: 'x'.repeat(101) }, 3],
  ['sound_effect', 'eleven_text_to_sound_v2', {}, 2],
] as const)('Runway %s of %s %o is held at %d credits', (operation, model, body, amount) => {
  expect(estimateCost('runway', operation, model, { model, ...body })).toEqual(credits(amount))
})

test('what has no price, or does not say what the price counts, has no estimate', () => {
  expect(estimateCost('runway', 'text_to_video', 'unheard-of', { duration: 5 })).toBeUndefined()
  expect(estimateCost('runway', 'text_to_video', 'constructor', { duration: 5 })).toBeUndefined()
  expect(estimateCost('runway', 'avatar_videos', undefined, {})).toBeUndefined()
  expect(estimateCost('runway', 'text_to_speech', 'eleven_v3', { promptText: { $input: 0 } })).toBeUndefined()
  expect(estimateCost('runware', 'imageInference', 'runware:101@1', {})).toBeUndefined()
})

test('the operator’s price of a model wins over ours, then an operation, then what is for all the rest', () => {
  expect(estimateCost('runway', 'text_to_video', 'gen4.5', { duration: 5 }, OWN)).toEqual(credits(58))
  expect(estimateCost('runway', 'image_to_video', 'gen4_turbo', { duration: 5 }, OWN)).toEqual(credits(25))
  expect(estimateCost('runway', 'sound_effect', 'newer', {}, OWN)).toEqual(credits(3))
  expect(estimateCost('runway', 'avatar_videos', undefined, {}, OWN)).toEqual(credits(50))
})

test('Runware is held in dollars, for every result', () => {
  const image = { width: 512, numberResults: 3 }
  expect(estimateCost('runware', 'imageInference', 'runware:101@1', image, OWN)).toEqual(usd(0.0114))
  expect(estimateCost('runware', 'videoInference', 'klingai:5@3', {}, OWN)).toEqual(usd(0.45))
  expect(estimateCost('runware', 'videoInference', 'runway:1@1', { duration: 6 })).toEqual(usd(0.3042))
})

test('whatever a body says, an estimate is money that can be counted, and more seconds never cost less', () => {
  const model = fc.constantFrom(...Object.keys(RUNWAY_PRICES))
  const body = fc.record(
    { duration: fc.oneof(fc.double(), fc.string()), outputCount: fc.double(), ratio: fc.string(), audio: fc.boolean() },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(model, body, (name, given) => {
      const { amount } = estimateCost('runway', 'text_to_video', name, given) ?? { amount: 0 }
      expect(Number.isSafeInteger(amount)).toBe(true)
      expect(amount).toBeGreaterThanOrEqual(0)
    }),
  )
  fc.assert(
    fc.property(model, fc.nat(100), fc.nat(100), (name, seconds, more) => {
      const of = (duration: number) => estimateCost('runway', 'text_to_video', name, { duration })?.amount ?? 0
      expect(of(seconds + 1 + more)).toBeGreaterThanOrEqual(of(seconds + 1))
    }),
  )
})

test('prices that make no sense are refused', () => {
  for (const bad of [
    { models: { 'runway/gen4.5': {} } },
    { models: { gen4: { per_task: 1 } } },
    { models: { 'runway/x': { per_second: -1 } } },
    { credit_usd: 0 },
    { prices: {} },
  ]) {
    expect(PriceOverrides.safeParse(bad).success).toBe(false)
  }
  expect(PriceOverrides.parse({})).toEqual({ credit_usd: 0.01, models: {} })
})
