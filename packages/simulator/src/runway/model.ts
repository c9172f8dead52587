import { z } from 'zod'

export type MediaKind = 'video' | 'image' | 'audio'

/** What a task is estimated to cost, in credits; the largest part that applies. */
export interface Price {
  readonly perSecond?: number
  /** Assumed when the body names no duration, or `auto`. */
  readonly usualSeconds?: number
  readonly perImage?: number
  readonly perTask?: number
  readonly charsPerCredit?: number
}

/** One model of one endpoint: what its body may hold and what a task costs. */
export interface Model {
  readonly body: z.ZodType
  readonly price: Price
}

/** A body that takes exactly these fields besides `model`. */
export function model(name: string, price: Price, fields: z.ZodRawShape): Record<string, Model> {
  return { [name]: { body: z.strictObject({ model: z.literal(name), ...fields }), price } }
}

/** The same body under several names, such as a fast and a small variant. */
export function models(names: string, price: Price, fields: z.ZodRawShape): Record<string, Model> {
  return Object.assign({}, ...names.split(' ').map((name) => model(name, price, fields)))
}

const Priced = z.object({
  duration: z.number().optional().catch(undefined),
  outputCount: z.int().min(1).max(10).optional().catch(undefined),
  promptText: z.string().optional().catch(undefined),
})

/** Whole credits, at least one. */
export function estimateCredits(price: Price, body: unknown): number {
  const { duration, outputCount = 1, promptText = '' } = Priced.catch({}).parse(body)
  const credits =
    price.perSecond !== undefined
      ? price.perSecond * (duration ?? price.usualSeconds ?? 5)
      : price.perImage !== undefined
        ? price.perImage * outputCount
        : price.charsPerCredit !== undefined
          ? promptText.length / price.charsPerCredit
          : (price.perTask ?? 1)
  return Math.max(1, Math.ceil(credits))
}
