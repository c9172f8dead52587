import type { TaskType } from './task-types.ts'

/** What a parameter may be; the names of the kinds are the ones the provider uses in `type`. */
export type Rule =
  | { readonly type: 'string'; readonly min?: number; readonly max?: number }
  | { readonly type: 'integer' | 'float'; readonly min: number; readonly max: number; readonly multipleOf?: number }
  | { readonly type: 'seed' | 'boolean' | 'object' | 'url' | 'media' }
  | { readonly type: 'array'; readonly max?: number }
  | { readonly type: 'choice'; readonly of: readonly string[] }

export type Rules = Readonly<Record<string, Rule>>

const string = (min = 0, max = 100_000): Rule => ({ type: 'string', min, max })
const integer = (min: number, max: number, multipleOf = 1): Rule => ({ type: 'integer', min, max, multipleOf })
const float = (min: number, max: number): Rule => ({ type: 'float', min, max })
const choice = (values: string): Rule => ({ type: 'choice', of: values.split(' ') })
const array = (max = 100): Rule => ({ type: 'array', max })
const boolean: Rule = { type: 'boolean' }
const object: Rule = { type: 'object' }
const media: Rule = { type: 'media' }
const url: Rule = { type: 'url' }

const COMMON: Rules = {
  taskType: string(),
  taskUUID: string(),
  model: string(),
  inputs: object,
  settings: object,
  providerSettings: object,
  safety: object,
  advancedFeatures: object,
  checkNSFW: boolean,
  includeCost: boolean,
  webhookURL: url,
  uploadEndpoint: url,
  deliveryMethod: choice('sync async'),
  outputQuality: integer(20, 99),
  ttl: integer(60, 31_536_000),
}

const GENERATIVE: Rules = {
  positivePrompt: string(2, 3000),
  negativePrompt: string(2, 3000),
  seed: { type: 'seed' },
  steps: integer(1, 100),
  CFGScale: float(0, 50),
  scheduler: string(),
  acceleration: choice('none low medium high'),
  acceleratorOptions: object,
  lora: array(),
  resolution: string(),
  strength: float(0, 1),
  referenceImages: array(20),
}

const INPUT_IMAGE: Rules = { inputImage: media, image: media }

const BY_TYPE: Readonly<Record<string, Rules>> = {
  imageInference: {
    ...GENERATIVE,
    width: integer(1, 16_384),
    height: integer(1, 16_384),
    clipSkip: integer(0, 2),
    promptWeighting: choice('compel sdEmbeds'),
    vae: string(),
    seedImage: media,
    maskImage: media,
    maskMargin: integer(32, 128),
    outpaint: object,
    controlNet: array(),
    embeddings: array(),
    ipAdapters: array(),
    refiner: object,
    usePromptWeighting: boolean,
  },
  videoInference: {
    ...GENERATIVE,
    duration: float(1, 60),
    fps: integer(15, 60),
    width: integer(256, 1920, 2),
    height: integer(256, 1920, 2),
    frameImages: array(20),
    referenceVideos: array(),
    inputAudios: array(),
    seedVideo: media,
    speech: object,
  },
  audioInference: { ...GENERATIVE, duration: float(1, 300), audioSettings: object, speech: object },
  '3dInference': { ...GENERATIVE },
  upscale: { ...INPUT_IMAGE, upscaleFactor: integer(1, 8), positivePrompt: string(), steps: integer(1, 100) },
  removeBackground: { ...INPUT_IMAGE, rgba: array(4), alphaMatting: boolean },
  vectorize: INPUT_IMAGE,
  caption: { ...INPUT_IMAGE, prompt: string() },
  controlNetPreprocess: {
    ...INPUT_IMAGE,
    preProcessorType: string(),
    preprocessor: string(),
    width: integer(64, 2048),
    height: integer(64, 2048),
    lowThresholdCanny: integer(0, 255),
    highThresholdCanny: integer(0, 255),
    includeHandsAndFaceOpenPose: boolean,
  },
  imageMasking: {
    ...INPUT_IMAGE,
    confidence: float(0, 1),
    maxDetections: integer(1, 20),
    maskPadding: integer(0, 1024),
    maskBlur: integer(0, 256),
  },
  promptEnhance: { prompt: string(1, 3000), promptMaxLength: integer(5, 1000), promptVersions: integer(1, 5) },
}

/** Every parameter a task of this type may have. */
export function rulesOf({ name, media: kind, formats, maxResults }: TaskType): Rules {
  const key = `${name} ${kind}`
  const known = built.get(key)
  if (known) return known
  const rules = {
    ...COMMON,
    outputType: kind === 'image' || kind === 'audio' ? choice('URL base64Data dataURI') : choice('URL'),
    outputFormat: choice(Object.keys(formats).join(' ')),
    numberResults: integer(1, maxResults),
    ...BY_TYPE[name],
  }
  built.set(key, rules)
  return rules
}

const built = new Map<string, Rules>()

/** What a type cannot do without; several names mean any of them. */
export const REQUIRED: Readonly<Record<string, readonly (readonly string[])[]>> = {
  imageInference: [['model']],
  videoInference: [['model']],
  audioInference: [['model']],
  '3dInference': [['model']],
  upscale: [['inputs', 'inputImage']],
  removeBackground: [['inputs', 'inputImage']],
  vectorize: [['inputs', 'inputImage']],
  caption: [['inputs', 'inputImage']],
  controlNetPreprocess: [['inputImage', 'inputs']],
  imageMasking: [['inputImage', 'inputs']],
  promptEnhance: [['prompt']],
}
