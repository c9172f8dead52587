export type VideoMode = 'text_to_video' | 'image_to_video' | 'video_to_video'

/** `aspect`: names such as `16:9`; `pixels`: the frame itself. Without `values` the list is not known. */
export type RatioRule = {
  style: 'pixels' | 'aspect'
  values?: readonly string[]
  /** Sent when the caller names no size, except with a source video. */
  default?: string
  /** Where the vendor reads it; default `ratio`. */
  field?: 'targetAspectRatio'
}

/** Allowed seconds: a list, a range of whole numbers, or (neither) any positive number. */
export type DurationRule = { values?: readonly number[]; min?: number; max?: number; auto?: true; default?: number }

/** What one model takes in one mode. A missing rule means that it does not take the parameter. */
export type ModeRule = {
  promptRequired?: true
  ratio?: RatioRule
  duration?: DurationRule
  /** The field that carries the video to work on; default `videoUri`. */
  source?: 'promptVideo'
  /** Which positions an array of frames may name; default: both, or none at all. */
  frames?: 'first' | 'first_and_last'
  /** Runway's own shape of a reference needs a type here. */
  referenceType?: 'image'
}

export type VideoModel = { readonly [Mode in VideoMode]?: ModeRule }

const DEFAULT_RATIO = '1280:720'
const pixels = (values: string): RatioRule => ({
  style: 'pixels',
  values: values.split(' '),
  ...(values.split(' ').includes(DEFAULT_RATIO) && { default: DEFAULT_RATIO }),
})
const aspects = (values: string): RatioRule => ({ style: 'aspect', values: values.split(' ') })

const LANDSCAPE_PORTRAIT = pixels('1280:720 720:1280')
const GEN4 = pixels('1280:720 720:1280 1104:832 960:960 832:1104 1584:672')
const VEO = pixels('1280:720 720:1280 1080:1920 1920:1080')
const SEEDANCE_720 =
  '1280:720 720:1280 960:960 992:432 864:496 752:560 640:640 560:752 496:864 1470:630 1112:834 834:1112'
const SEEDANCE_4K =
  '1080:1920 1920:1080 1440:1440 2206:946 1664:1248 1248:1664 3840:1646 3840:2160 3840:2880 3840:3840 2880:3840 2160:3840'
const SEEDANCE_25 = pixels(
  '1280:720 720:1280 1080:1920 1920:1080 960:960 1440:1440 992:432 752:560 640:640 560:752 1470:630 1112:834 834:1112 2206:946 1664:1248 1248:1664 854:480 480:854',
)
const WAN = pixels(
  '1280:720 720:1280 1080:1920 1920:1080 960:960 1440:1440 832:480 720:544 624:624 544:720 480:832 1104:832 832:1104 1648:1248 1248:1648 auto_480p auto_720p auto_1080p',
)
const OMNI = pixels('1280:720 720:1280 1080:1920 1920:1080 3840:2160 2160:3840 640:360 360:640')
const HAILUO = aspects('16:9 9:16 1:1 4:3 3:4 21:9 adaptive')
const GROK = aspects('16:9 9:16 1:1 4:3 3:4 3:2 2:3')
const ALEPH2: RatioRule = { ...aspects('16:9 9:16 1:1 4:3 3:4 3:2 2:3 21:9'), field: 'targetAspectRatio' }

const GEN4_SECONDS: DurationRule = { min: 2, max: 10, default: 2 }
const VEO_SECONDS: DurationRule = { values: [4, 6, 8], default: 4 }
const OMNI_SECONDS: DurationRule = { min: 3, max: 10 }

const veo = (ratio: RatioRule, duration: DurationRule): VideoModel => ({
  text_to_video: { promptRequired: true, ratio, duration },
  image_to_video: { ratio, duration, frames: 'first_and_last' },
})
const seedance = (ratio: RatioRule): VideoModel => ({
  text_to_video: { promptRequired: true, ratio, duration: { auto: true } },
  image_to_video: { ratio, duration: { auto: true } },
  video_to_video: { ratio, duration: { auto: true }, source: 'promptVideo' },
})
const wan: VideoModel = {
  text_to_video: { promptRequired: true, ratio: WAN, duration: {} },
  image_to_video: { promptRequired: true, ratio: WAN, duration: {} },
}
const gen4Image: ModeRule = { ratio: GEN4, duration: GEN4_SECONDS, frames: 'first' }

/**
 * What is known about Runway's video models, for defaults and early errors. It may lag behind the vendor:
 * a model that is not listed is passed on as it is.
 */
const MODELS: Readonly<Record<string, VideoModel>> = {
  'gen4.5': {
    text_to_video: { promptRequired: true, ratio: LANDSCAPE_PORTRAIT, duration: GEN4_SECONDS },
    image_to_video: gen4Image,
  },
  gen4_turbo: { image_to_video: gen4Image },
  gen4: { image_to_video: gen4Image },
  gen4_aleph: {
    // The older dialect lists it for images too; today's API has no such model.
    image_to_video: gen4Image,
    video_to_video: {
      promptRequired: true,
      ratio: pixels('1280:720 720:1280 1104:832 960:960 832:1104 1584:672 848:480 640:480'),
      referenceType: 'image',
    },
  },
  aleph2: { video_to_video: { ratio: ALEPH2 } },
  gen3a_turbo: {
    image_to_video: {
      promptRequired: true,
      ratio: pixels('1280:768 768:1280'),
      duration: { values: [5, 10] },
      frames: 'first_and_last',
    },
  },
  veo3: veo(VEO, { values: [8], default: 8 }),
  'veo3.1': veo(VEO, VEO_SECONDS),
  'veo3.1_fast': veo(VEO, VEO_SECONDS),
  seedance2: seedance(pixels(`${SEEDANCE_720} ${SEEDANCE_4K}`)),
  seedance2_fast: seedance(pixels(SEEDANCE_720)),
  seedance2_mini: seedance(pixels(SEEDANCE_720)),
  seedance2_5: {
    ...seedance(SEEDANCE_25),
    text_to_video: { ratio: SEEDANCE_25, duration: { auto: true } },
  },
  gemini_omni_flash: {
    text_to_video: { promptRequired: true, ratio: LANDSCAPE_PORTRAIT, duration: OMNI_SECONDS },
    image_to_video: { ratio: LANDSCAPE_PORTRAIT, duration: OMNI_SECONDS, frames: 'first' },
    video_to_video: { promptRequired: true },
  },
  'gemini_omni_flash_1.1': {
    text_to_video: { promptRequired: true, ratio: OMNI, duration: { ...OMNI_SECONDS, auto: true } },
    image_to_video: {
      promptRequired: true,
      ratio: OMNI,
      duration: { ...OMNI_SECONDS, auto: true },
      frames: 'first_and_last',
    },
    video_to_video: { promptRequired: true, ratio: OMNI, duration: { ...OMNI_SECONDS, auto: true } },
  },
  hailuo3: {
    text_to_video: { promptRequired: true, ratio: HAILUO, duration: {} },
    image_to_video: { promptRequired: true, ratio: HAILUO, duration: {} },
    video_to_video: { promptRequired: true, ratio: HAILUO, duration: {}, source: 'promptVideo' },
  },
  happyhorse_1_0: {
    text_to_video: { promptRequired: true, ratio: { style: 'pixels' }, duration: {} },
    image_to_video: { duration: {}, frames: 'first' },
  },
  grok_imagine_1_5: {
    text_to_video: { promptRequired: true, ratio: GROK, duration: {} },
    image_to_video: { duration: {}, frames: 'first' },
  },
  wan3: wan,
  wan3_prime: wan,
  h3_max: {
    text_to_video: { promptRequired: true, duration: {} },
    image_to_video: { promptRequired: true, duration: {}, frames: 'first_and_last' },
  },
}

export function findVideoModel(name: string): VideoModel | undefined {
  return Object.hasOwn(MODELS, name) ? MODELS[name] : undefined
}

export function videoModelsFor(mode: VideoMode): string[] {
  return Object.keys(MODELS).filter((name) => MODELS[name]?.[mode] !== undefined)
}

/** The rule for a model that is not listed: takes everything; defaults only where the name tells its family. */
export function rulesOfUnknownModel(name: string, mode: VideoMode): ModeRule {
  const isGen = /^gen\d/.test(name)
  const isVeo = name.startsWith('veo')
  if (mode === 'video_to_video' || !(isGen || isVeo)) return { ratio: { style: 'pixels' }, duration: {} }
  return { ratio: { style: 'pixels', default: DEFAULT_RATIO }, duration: { default: isGen ? 2 : 4 } }
}
