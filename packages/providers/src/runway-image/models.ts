/** What one of Runway's image models takes. */
export type RunwayImageModel = {
  /** Sizes as the vendor spells them; without a list, any. */
  ratios?: readonly string[]
  /** Sent when the caller names no size. */
  defaultRatio?: string
  /** `outputCount` it takes; without it one image at a time. */
  counts?: { min: number; max: number }
  references: { min?: number; max: number }
  takesFormat?: true
}

const GEN4_RATIOS =
  '1024:1024 1080:1080 1168:880 1360:768 1440:1080 1080:1440 1808:768 1920:1080 1080:1920 2112:912 1280:720 720:1280 720:720 960:720 720:960 1680:720'.split(
    ' ',
  )

/** It may lag behind the vendor: a model that is not listed is passed on as it is. */
const MODELS: Readonly<Record<string, RunwayImageModel>> = {
  gen4_image: { ratios: GEN4_RATIOS, defaultRatio: '1024:1024', references: { max: 3 } },
  gen4_image_turbo: { ratios: GEN4_RATIOS, defaultRatio: '1024:1024', references: { min: 1, max: 3 } },
  'gemini_2.5_flash': { defaultRatio: '1024:1024', references: { max: 3 } },
  gemini_image3_pro: { defaultRatio: '1024:1024', counts: { min: 1, max: 4 }, references: { max: 14 } },
  'gemini_image3.1_flash': { defaultRatio: '1024:1024', counts: { min: 1, max: 4 }, references: { max: 14 } },
  gpt_image_2: { defaultRatio: 'auto', counts: { min: 1, max: 10 }, references: { max: 16 } },
  gpt_image_2_5_flare: { defaultRatio: 'auto', counts: { min: 1, max: 10 }, references: { max: 16 } },
  gpt_image_2_5_sunburst: { defaultRatio: 'auto', counts: { min: 1, max: 10 }, references: { max: 16 } },
}

const UNKNOWN: RunwayImageModel = { counts: { min: 1, max: 20 }, references: { max: 20 }, takesFormat: true }

export function knowsRunwayImageModel(name: string): boolean {
  return Object.hasOwn(MODELS, name)
}

export function runwayImageModel(name: string): RunwayImageModel {
  return (Object.hasOwn(MODELS, name) ? MODELS[name] : undefined) ?? UNKNOWN
}
