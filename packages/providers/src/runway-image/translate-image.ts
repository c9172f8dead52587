import { ProblemError } from '@genqueue/contract'
import {
  type ImageInputs,
  type ImageRequest,
  type ImageTranslation,
  type ReadImageRequest,
  readImageRequest,
} from '../image-request.ts'
import type { VendorBody } from '../provider.ts'
import { type RunwayImageModel, runwayImageModel } from './models.ts'

const TAG = /^[A-Za-z]\w{2,15}$/

/**
 * OpenAI's image request as the body of Runway's `text_to_image`; images to work from become references. Pure. Throws
 * a ProblemError for what the model refuses; other keys are passed on and win over what is derived.
 */
export function translateRunwayImage(request: ImageRequest, inputs: ImageInputs = {}): ImageTranslation {
  const read = readImageRequest(request, inputs)
  const { model, prompt, seed, negativePrompt, steps, quality, responseFormat, extras } = read
  const rules = runwayImageModel(model)
  if (read.mask !== undefined) throw problem('not_supported', 'mask', `${model} takes no mask; use a runware/ model`)
  if (!prompt && !extras.promptText) throw problem('missing_parameter', 'prompt', `${model} needs a prompt`)
  const body: VendorBody = Object.fromEntries(
    Object.entries({
      model,
      promptText: prompt,
      ratio: ratioFor(read, rules),
      referenceImages: 'referenceImages' in extras ? undefined : referencesFor(read, rules),
      outputCount: countFor(read, rules),
      outputFormat: formatFor(read, rules),
      outputQuality: quality,
      seed: typeof seed === 'string' ? tooLargeSeed() : seed,
      negativePrompt,
      steps,
      ...extras,
    }).filter(([, value]) => value !== undefined),
  )
  const { promptText, ratio, outputCount } = body
  return {
    operation: 'text_to_image',
    model,
    body,
    responseFormat,
    count: typeof outputCount === 'number' ? outputCount : 1,
    display: {
      prompt: typeof promptText === 'string' ? promptText : null,
      size: typeof ratio === 'string' && /^\d{2,5}:\d{2,5}$/.test(ratio) ? ratio.replace(':', 'x') : null,
    },
  }
}

function ratioFor({ model, frame, extras }: ReadImageRequest, { ratios, defaultRatio }: RunwayImageModel) {
  if (!frame) return 'ratio' in extras ? undefined : defaultRatio
  const ratio = `${frame.width}:${frame.height}`
  if (!ratios || ratios.includes(ratio)) return ratio
  const offered = ratios.map((one) => one.replace(':', 'x')).join(', ')
  throw problem('invalid_size', 'size', `${model} does not make ${ratio.replace(':', 'x')}; it offers ${offered}`)
}

function countFor({ model, count }: ReadImageRequest, { counts }: RunwayImageModel): number | undefined {
  if (count === undefined || (count === 1 && !counts)) return undefined
  if (!counts) throw problem('not_supported', 'n', `${model} makes one image at a time; leave n out or send it as 1`)
  if (count >= counts.min && count <= counts.max) return count
  throw problem('invalid_request', 'n', `${model} makes ${counts.min} to ${counts.max} images at a time`)
}

function formatFor({ model, format }: ReadImageRequest, { takesFormat }: RunwayImageModel): string | undefined {
  // PNG is what every one of them makes.
  if (format === undefined || (format === 'png' && !takesFormat)) return undefined
  if (takesFormat) return format
  throw problem('not_supported', 'output_format', `${model} only makes png; leave output_format out`)
}

function referencesFor({ model, images, references }: ReadImageRequest, rules: RunwayImageModel) {
  const all = [
    ...images.map((uri) => ({ uri })),
    ...references.map(({ uri, tag, rest }) => ({ uri, ...(tag !== undefined && { tag: tagOf(tag) }), ...rest })),
  ]
  const { min = 0, max } = rules.references
  if (all.length > max) throw problem('invalid_input_reference', 'image', `${model} takes at most ${max} images`)
  if (all.length < min) throw problem('missing_parameter', 'image', `${model} needs an image to work from`)
  const tags = all.flatMap((one) => ('tag' in one ? [one.tag] : []))
  if (new Set(tags).size < tags.length) {
    throw problem('invalid_input_reference', 'reference_images', 'Every tag may name only one reference')
  }
  return all.length > 0 ? all : undefined
}

function tagOf(tag: unknown): string {
  if (typeof tag === 'string' && TAG.test(tag)) return tag
  const message = 'A tag has 3 to 16 letters, digits or underscores and begins with a letter'
  throw problem('invalid_input_reference', 'reference_images', message)
}

function tooLargeSeed(): never {
  throw problem('invalid_request', 'seed', 'seed is a whole number from 0 to 4294967295')
}

function problem(code: ConstructorParameters<typeof ProblemError>[0], param: string, message: string): ProblemError {
  return new ProblemError(code, message, { param })
}
