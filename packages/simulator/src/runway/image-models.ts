import { z } from 'zod'
import {
  contentModeration,
  flag,
  oneOf,
  percent,
  RATIOS,
  references,
  seed,
  subjectImages,
  taggedImages,
  text,
  uri,
} from './fields.ts'
import { model } from './model.ts'

/** The newest image models take dozens of sizes each; their shape is checked, not the list. */
const size = z.string().regex(/^\d{3,5}:\d{3,5}$/, 'Invalid ratio')
const sizeOr = (words: string) => z.union([oneOf(words), size])
const outputCount = z.int().min(1).max(10).optional()
const oneOrFour = z.union([z.literal(1), z.literal(4)]).optional()
const gptImage = {
  promptText: text(32_000),
  ratio: sizeOr('auto'),
  outputCount,
  referenceImages: taggedImages(16).optional(),
}
const LITE_AREA = { min: 3_686_400, max: 16_777_216 }
const hasLiteArea = (ratio: string): boolean => {
  const [width = 0, height = 0] = ratio.split(':').map(Number)
  return width * height >= LITE_AREA.min && width * height <= LITE_AREA.max
}

export const TEXT_TO_IMAGE = {
  ...model(
    'gen4_image',
    { perImage: 5 },
    {
      promptText: text(1000),
      ratio: oneOf(RATIOS.gen4Image),
      referenceImages: taggedImages(3).optional(),
      seed,
      contentModeration,
    },
  ),
  ...model(
    'gen4_image_turbo',
    { perImage: 2 },
    {
      promptText: text(1000),
      ratio: oneOf(RATIOS.gen4Image),
      referenceImages: taggedImages(3, 1),
      seed,
      contentModeration,
    },
  ),
  ...model(
    'gemini_2.5_flash',
    { perImage: 5 },
    {
      promptText: text(5000),
      ratio: oneOf(RATIOS.geminiFlash),
      referenceImages: taggedImages(3).optional(),
    },
  ),
  ...model(
    'gemini_image3_pro',
    { perImage: 20 },
    {
      promptText: text(5000),
      ratio: size,
      outputCount: oneOrFour,
      referenceImages: subjectImages(14).optional(),
    },
  ),
  ...model(
    'gemini_image3.1_flash',
    { perImage: 10 },
    {
      promptText: text(5000),
      ratio: size,
      outputCount: oneOrFour,
      referenceImages: subjectImages(14).optional(),
    },
  ),
  ...model(
    'gpt_image_2',
    { perImage: 10 },
    {
      ...gptImage,
      background: oneOf('transparent opaque auto').optional(),
      quality: oneOf('low medium high auto').optional(),
    },
  ),
  ...model(
    'gpt_image_2_5_flare',
    { perImage: 10 },
    {
      ...gptImage,
      background: oneOf('opaque auto').optional(),
      quality: oneOf('low medium high xhigh max').optional(),
    },
  ),
  ...model(
    'gpt_image_2_5_sunburst',
    { perImage: 10 },
    {
      ...gptImage,
      background: oneOf('transparent opaque auto').optional(),
      quality: oneOf('low medium high xhigh max').optional(),
    },
  ),
  ...model(
    'seedream5_pro',
    { perImage: 5 },
    {
      promptText: text(4000),
      ratio: sizeOr('auto_1k auto_2k'),
      outputCount,
      outputFormat: oneOf('png jpeg').optional(),
      grounding: flag,
      referenceImages: references(14),
    },
  ),
  ...model(
    'seedream5_lite',
    { perImage: 4 },
    {
      promptText: text(4000),
      ratio: size.refine(hasLiteArea, 'The area must be between 3686400 and 16777216 pixels'),
      outputCount,
      outputFormat: oneOf('png jpeg').optional(),
      grounding: flag,
      referenceImages: references(14),
    },
  ),
  ...model(
    'muse_image',
    { perImage: 1 },
    {
      promptText: text(5000),
      ratio: sizeOr('auto'),
      outputCount,
      outputFormat: oneOf('webp png jpeg').optional(),
      referenceImages: references(14),
    },
  ),
  ...model(
    'grok_imagine_image_2',
    { perImage: 2 },
    {
      promptText: text(5000),
      ratio: sizeOr('auto_1k auto_2k'),
      outputCount,
      edit: flag,
      quality: oneOf('low medium').optional(),
      referenceImages: references(14),
    },
  ),
}

export const IMAGE_UPSCALE = model(
  'magnific_precision_upscaler_v2',
  { perImage: 10 },
  {
    imageUri: uri,
    scaleFactor: z.union([z.literal(2), z.literal(4), z.literal(8), z.literal(16)]).optional(),
    flavor: oneOf('sublime photo photo_denoiser').optional(),
    sharpen: percent,
    smartGrain: percent,
    ultraDetail: percent,
  },
)
