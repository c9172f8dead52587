import { ProblemError } from '@genqueue/contract'
import {
  type ImageInputs,
  type ImageRequest,
  type ImageTranslation,
  type ReadImageRequest,
  readImageRequest,
} from '../image-request.ts'
import type { VendorBody } from '../provider.ts'
import { imageTraitsOf } from './image-models.ts'
import { mergeInputs, withoutUndefined } from './merge-inputs.ts'

const DEFAULT_FRAME = { width: 1024, height: 1024 }
const FORMATS: Readonly<Record<string, string>> = { png: 'PNG', jpeg: 'JPG', webp: 'WEBP' }
/** The vendor's range is shorter at both ends of the same scale. */
const QUALITY = { min: 20, max: 99 }

/**
 * OpenAI's image request, a generation or an edit, as the body of an `imageInference`. Pure. Throws a ProblemError for
 * what cannot be put in the vendor's words; other keys are passed on and win over what is derived.
 */
export function translateImage(request: ImageRequest, inputs: ImageInputs = {}): ImageTranslation {
  const read = readImageRequest(request, inputs)
  const { model, prompt, count, seed, steps, negativePrompt, format, quality, responseFormat, extras } = read
  const frame = frameFor(read)
  const { inputs: nested, ...images } = imagesOf(read)
  const merged = mergeInputs(nested, extras.inputs)
  const body: VendorBody = withoutUndefined({
    model,
    positivePrompt: prompt,
    negativePrompt,
    ...frame,
    steps,
    seed,
    numberResults: count,
    outputFormat: format && FORMATS[format],
    outputQuality:
      quality === undefined ? undefined : Math.round(Math.min(Math.max(quality, QUALITY.min), QUALITY.max)),
    ...images,
    ...extras,
    inputs: merged,
  })
  const { width, height, numberResults, positivePrompt } = body
  return {
    operation: 'imageInference',
    model,
    body,
    responseFormat,
    count: typeof numberResults === 'number' ? numberResults : 1,
    display: {
      prompt: typeof positivePrompt === 'string' ? positivePrompt : null,
      size: typeof width === 'number' && typeof height === 'number' ? `${width}x${height}` : null,
    },
  }
}

function frameFor({ model, frame, images, references, extras }: ReadImageRequest): ReadImageRequest['frame'] {
  if (frame) return frame
  if (extras.outpaint !== undefined && !('width' in extras && 'height' in extras)) {
    const message = 'Outpainting needs the size that comes out: the size of the image and what is added to it'
    throw new ProblemError('missing_parameter', message, { param: 'size' })
  }
  if ('width' in extras || 'height' in extras || 'resolution' in extras) return undefined
  // Newer models take the size of what they are given, and refuse to be told both.
  const hasImage = images.length > 0 || references.length > 0 || 'inputs' in extras || 'referenceImages' in extras
  return hasImage && !imageTraitsOf(model).needsSize ? undefined : DEFAULT_FRAME
}

type Placed = { seedImage?: unknown; maskImage?: unknown; referenceImages?: unknown; inputs?: VendorBody }

function imagesOf({ model, images, mask, references }: ReadImageRequest): Placed {
  const [first, ...rest] = images
  const others = references.map(({ uri, tag, rest: own }) =>
    tag === undefined && Object.keys(own).length === 0 ? uri : withoutUndefined({ image: uri, tag, ...own }),
  )
  if (imageTraitsOf(model).images === 'seedImage') {
    return {
      seedImage: first,
      maskImage: mask,
      referenceImages: someOf([...rest, ...others]),
    }
  }
  // What is painted over is one image; the rest, and without a mask all of them, are shown to the model.
  const base = mask === undefined ? undefined : first
  const shown = mask === undefined ? images : rest
  const nested = withoutUndefined({ image: base, mask, referenceImages: someOf([...shown, ...others]) })
  return Object.keys(nested).length > 0 ? { inputs: nested } : {}
}

function someOf(list: readonly unknown[]): readonly unknown[] | undefined {
  return list.length > 0 ? list : undefined
}
