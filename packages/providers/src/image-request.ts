import { ProblemError } from '@genqueue/contract'
import type { InputPlace } from './fill-inputs.ts'
import type { VendorBody } from './provider.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * What `/v1/images/generations` and `/v1/images/edits` ask of a vendor: OpenAI's names, the model without
 * `<provider>/`. Every further key is the vendor's and is passed on under its own name. `null` is as good as absent.
 */
export type ImageRequest = {
  readonly model: string
  readonly prompt?: string | null | undefined
  readonly n?: number | null | undefined
  readonly size?: string | null | undefined
  readonly negative_prompt?: string | null | undefined
  readonly num_inference_steps?: number | null | undefined
  /** Text where it is larger than a number holds exactly. */
  readonly seed?: number | string | null | undefined
  readonly response_format?: string | null | undefined
  readonly output_format?: string | null | undefined
  readonly output_compression?: number | null | undefined
  readonly image?: string | readonly string[] | null | undefined
  readonly mask?: string | null | undefined
  /** Addresses, or objects with `uri` (or `image_url`) and for some models a `tag`. */
  readonly reference_images?: readonly (string | Json)[] | null | undefined
  readonly [extra: string]: unknown
}

/** What stands for `image` and `mask` once they are stored or checked; wins over the request's own. */
export type ImageInputs = {
  readonly images?: readonly (string | InputPlace)[]
  readonly mask?: string | InputPlace
}

export type ImageTranslation = {
  operation: string
  model: string
  body: VendorBody
  /** How the caller wants to have the images; the vendor always gives addresses. */
  responseFormat: 'url' | 'b64_json'
  /** How many images were asked for. */
  count: number
  display: { prompt: string | null; size: string | null }
}

/** The request with OpenAI's own words read and checked, and apart from what is the vendor's. */
export type ReadImageRequest = {
  model: string
  prompt: string | undefined
  count: number | undefined
  frame: { width: number; height: number } | undefined
  negativePrompt: string | undefined
  steps: number | undefined
  seed: number | string | undefined
  responseFormat: 'url' | 'b64_json'
  /** `png`, `jpeg` or `webp`. */
  format: string | undefined
  /** 0 to 100. */
  quality: number | undefined
  images: readonly (string | InputPlace)[]
  mask: string | InputPlace | undefined
  references: readonly { uri: unknown; tag?: unknown; rest: Json }[]
  extras: Json
}

const MAX_SEED = 2n ** 63n
/** Asks for nothing. */
const DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  stream: [false],
  partial_images: [0],
  quality: ['auto'],
  background: ['auto'],
  moderation: ['auto'],
}

/** Reads OpenAI's words. Pure. Throws a ProblemError for what none of our vendors could take. */
export function readImageRequest(request: ImageRequest, inputs: ImageInputs = {}, maxCount = 20): ReadImageRequest {
  const {
    model,
    prompt,
    n,
    size,
    negative_prompt,
    num_inference_steps,
    seed,
    response_format,
    output_format,
    output_compression,
    image,
    mask,
    reference_images,
    // Names the caller's own customer to OpenAI; it is nothing that a picture is made of.
    user: _user,
    ...rest
  } = request
  const extras = Object.fromEntries(
    Object.entries(rest).filter(([key, value]) => value !== undefined && value !== null && !isDefault(key, value)),
  )
  for (const key of ['stream', 'partial_images']) {
    if (Object.hasOwn(extras, key)) throw problem('not_supported', key, 'Images are not streamed; leave it out')
  }
  return {
    model,
    prompt: prompt || undefined,
    count: numberOf('n', n, 1, maxCount, true),
    frame: frameOf(size),
    negativePrompt: negative_prompt || undefined,
    steps: num_inference_steps ?? undefined,
    seed: seedOf(seed),
    responseFormat: oneOf('response_format', response_format, { url: 'url', b64_json: 'b64_json' } as const) ?? 'url',
    format: oneOf('output_format', output_format, { png: 'png', jpeg: 'jpeg', jpg: 'jpeg', webp: 'webp' }),
    quality: numberOf('output_compression', output_compression, 0, 100, false),
    images: inputs.images ?? [image ?? []].flat(),
    mask: inputs.mask ?? mask ?? undefined,
    references: (reference_images ?? []).map(referenceOf),
    extras,
  }
}

function isDefault(key: string, value: unknown): boolean {
  return Object.hasOwn(DEFAULTS, key) && (DEFAULTS[key] ?? []).includes(value)
}

function referenceOf(reference: string | Json): ReadImageRequest['references'][number] {
  if (typeof reference !== 'object' || reference === null) return { uri: reference, rest: {} }
  const { uri, url, image_url, image, tag, ...rest } = reference
  const address = uri ?? url ?? image_url ?? image
  if (address === undefined) {
    throw problem(
      'invalid_input_reference',
      'reference_images',
      'Every reference needs a uri: an address or a data URI',
    )
  }
  return { uri: address, ...(tag !== undefined && { tag }), rest }
}

function frameOf(size: string | null | undefined): ReadImageRequest['frame'] {
  if (size === undefined || size === null || size === '' || size === 'auto') return undefined
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/i.exec(size) ?? []
  if (width && height) return { width: Number(width), height: Number(height) }
  const message = `'${String(size).slice(0, 32)}' is not a size; write it as WIDTHxHEIGHT, for instance 1024x1024`
  throw problem('invalid_size', 'size', message)
}

function seedOf(seed: number | string | null | undefined): number | string | undefined {
  if (seed === undefined || seed === null || seed === '') return undefined
  const text = String(seed)
  const isWhole = typeof seed === 'number' ? Number.isSafeInteger(seed) && seed >= 0 : /^\d{1,19}$/.test(text)
  if (!isWhole || BigInt(text) > MAX_SEED) {
    const message = 'seed is a whole number up to 2^63; give it as text when it is above 9007199254740991'
    throw problem('invalid_request', 'seed', message)
  }
  return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text).toString()
}

function numberOf(param: string, value: number | null | undefined, min: number, max: number, whole: boolean) {
  if (value === undefined || value === null) return undefined
  const isFine = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
  if (isFine) return value
  throw problem('invalid_request', param, `${param} is a ${whole ? 'whole ' : ''}number from ${min} to ${max}`)
}

function oneOf<Value>(
  param: string,
  value: string | null | undefined,
  allowed: Readonly<Record<string, Value>>,
): Value | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const found = Object.entries(allowed).find(([name]) => name === value)
  if (found) return found[1]
  throw problem('invalid_request', param, `${param} is one of ${Object.keys(allowed).join(', ')}`)
}

function problem(code: ConstructorParameters<typeof ProblemError>[0], param: string, message: string): ProblemError {
  return new ProblemError(code, message, { param })
}
