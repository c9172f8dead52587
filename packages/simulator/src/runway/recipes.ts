import { z } from 'zod'
import { flag, oneOf, uri } from './fields.ts'
import type { Model, Price } from './model.ts'

/** Ready-made pipelines: each is an endpoint of its own and its body names a version in place of a model. */
const version = oneOf('2026-06 2026-07 unsafe-latest')
const image = z.strictObject({ uri })
const anySeconds = z.number().positive().optional()
const shotSeconds = z.union([z.literal(5), z.literal(10), z.literal(15)]).optional()
const ratio = oneOf('1280:720 720:1280 960:960 834:1112 1920:1080 1080:1920 1440:1440 1248:1664').optional()

function recipe(name: string, price: Price, body: z.ZodType): Record<string, Record<string, Model>> {
  return { [`recipes/${name}`]: { [name]: { body, price } } }
}

const shots = { version, audio: flag, duration: shotSeconds, firstFrame: image.optional(), ratio }

export const RECIPES: Readonly<Record<string, Readonly<Record<string, Model>>>> = {
  ...recipe(
    'ad_localization',
    { perTask: 20 },
    z.strictObject({ version, referenceImage: image, targetLanguage: z.string() }),
  ),
  ...recipe(
    'marketing_stock_image',
    { perImage: 20 },
    z.strictObject({
      version,
      prompt: z.string().min(1),
      outputCount: z.int().min(1).max(10).optional(),
      quality: oneOf('low medium high').optional(),
      referenceImage: image.optional(),
    }),
  ),
  ...recipe(
    'multi_shot_video',
    { perSecond: 30 },
    z.discriminatedUnion('mode', [
      z.strictObject({ mode: z.literal('auto'), prompt: z.string().min(1), ...shots }),
      z.strictObject({
        mode: z.literal('custom'),
        shots: z.array(z.strictObject({ duration: z.number(), prompt: z.string() })).min(1),
        ...shots,
      }),
    ]),
  ),
  ...recipe(
    'product_ad',
    { perSecond: 30 },
    z.strictObject({
      version,
      productImages: z.array(image).min(1),
      styleImages: z.array(image).optional(),
      audio: flag,
      duration: anySeconds,
      productInfo: z.string().optional(),
      userConcept: z.string().optional(),
      ratio,
    }),
  ),
  ...recipe('product_campaign_image', { perTask: 20 }, z.strictObject({ version, image, prompt: z.string().min(1) })),
  ...recipe(
    'product_swap',
    { perSecond: 30 },
    z.strictObject({
      version,
      newProductImages: z.array(image.extend({ view: oneOf('front side back').optional() })).min(1),
      originalProductImage: image,
      referenceVideo: image,
      audio: flag,
      duration: anySeconds,
      resolution: oneOf('720p 1080p').optional(),
    }),
  ),
  ...recipe(
    'product_ugc',
    { perSecond: 30 },
    z.strictObject({
      version,
      characterImage: image,
      productImage: image,
      audio: flag,
      duration: anySeconds,
      productInfo: z.string().optional(),
      userConcept: z.string().optional(),
      ratio: oneOf('720:1280 1080:1920').optional(),
    }),
  ),
}
