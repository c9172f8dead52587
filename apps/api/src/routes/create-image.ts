import { CreateImageRequest, ProblemError } from '@genqueue/contract'
import { type ImageInputs, type ImageTranslation, type InputPlace, kindOf, translateImage } from '@genqueue/providers'
import { z } from 'zod'
import type { JobDraft } from '../accept/accept-job.ts'
import { checkMediaUrls, checkWebhookUrl } from '../accept/caller-urls.ts'
import { idempotencyKeyOf, idempotencyOf } from '../accept/idempotency.ts'
import { jobRequest } from '../accept/job-request.ts'
import { Media, mediaReference, Place } from '../accept/media-reference.ts'
import { splitModel } from '../accept/model-name.ts'
import { refuseOurOwn } from '../accept/our-own-fields.ts'
import { splitOptions } from '../accept/split-options.ts'
import type { AppDeps } from '../app-deps.ts'
import type { FormShape } from '../intake/coerce-form.ts'
import { paramOf, parseRequest } from '../invalid-request.ts'

const MAX_IMAGES = 16

/** The contract's request after intake: media may have become the place of a stored input. */
const ImageRequestAfterIntake = CreateImageRequest.extend({
  image: z.unknown().optional(),
  images: z.unknown().optional(),
  mask: z.unknown().optional(),
  reference_images: z
    .array(z.union([Media, z.record(z.string(), z.unknown())]))
    .max(MAX_IMAGES)
    .nullish(),
})

const FORM_SHAPE: FormShape = {
  image: 'text',
  mask: 'text',
  negative_prompt: 'text',
  response_format: 'text',
  output_format: 'text',
  user: 'text',
  webhook_url: 'text',
  on_submission_unknown: 'text',
  n: 'integer',
  seed: 'integer',
  num_inference_steps: 'integer',
  output_compression: 'integer',
  stream: 'boolean',
  partial_images: 'integer',
  priority: 'integer',
  delay_seconds: 'integer',
  retention_seconds: 'integer',
  webhook_events: 'json',
  deadlines: 'json',
  reference_images: 'json',
}
/** Parts of a form that may be files. */
const FILE_PARTS = new Set(['image', 'images', 'mask', 'reference_images'])
/** The vendor's own names under which an image may stand. */
const VENDORS_IMAGES = ['seedImage', 'inputs', 'referenceImages', 'reference_images']

export type ImageDraft = JobDraft & { responseFormat(): ImageTranslation['responseFormat'] }

/** How the image routes make a job of their body. */
export function draftImage(
  deps: AppDeps,
  idempotencyHeader: string | null,
  { route, isEdit, waits }: { route: string; isEdit: boolean; waits: boolean },
): ImageDraft {
  const { config, now = Date.now } = deps
  const key = idempotencyKeyOf(idempotencyHeader)
  let responseFormat: ImageTranslation['responseFormat'] = 'url'
  const draft: JobDraft['draft'] = ({ value, inputs, encoding }) => {
    if (encoding === 'form') refuseOtherFiles(value)
    const request = parseRequest(ImageRequestAfterIntake, value)
    const { provider, model } = splitModel(request.model)
    checkWebhookUrl(request.webhook_url, config.egress)
    checkMediaUrls(request, config.egress)

    const { options, work } = splitOptions(request)
    const { image, images, mask, reference_images, ...rest } = work
    const given = imageInputs(images ?? image, mask)
    if (isEdit && !given.images?.length && !VENDORS_IMAGES.some((name) => isGiven(work[name]))) {
      throw new ProblemError('missing_parameter', 'image is missing: an edit needs an image to work from', {
        param: 'image',
      })
    }
    const references = reference_images?.map((one) => (isPlace(one) ? { uri: one } : one))
    const translation = translateImage(provider, { ...rest, model, reference_images: references }, given)
    const { operation, display } = translation
    const body = { ...translation.body }
    refuseOurOwn(provider, operation, body, (field) => field)
    responseFormat = translation.responseFormat
    const shown = { ...(display.prompt && { prompt: display.prompt }), ...(display.size && { size: display.size }) }
    const todo = { body, display: shown, inputs, waits, results: translation.count }
    return {
      provider,
      operation,
      model: translation.model,
      kind: kindOf(provider, operation, body),
      door: 'images',
      request: jobRequest(options, todo, config.jobDefaults, now()),
      ...(key !== undefined && { idempotency: idempotencyOf(route, key, request, inputs) }),
    }
  }
  return { formShape: FORM_SHAPE, draft, responseFormat: () => responseFormat }
}

function imageInputs(image: unknown, mask: unknown): ImageInputs {
  const list = Array.isArray(image) ? image : [image]
  if (list.length > MAX_IMAGES) {
    const message = `image must be at most ${MAX_IMAGES} items long`
    throw new ProblemError('invalid_input_reference', message, { param: 'image' })
  }
  const images = list.flatMap((one, index): (string | InputPlace)[] => {
    const param = Array.isArray(image) ? (paramOf(['image', index]) ?? 'image') : 'image'
    const media = mediaReference(one, param)
    return media === undefined ? [] : [media]
  })
  const masked = mediaReference(mask, 'mask')
  return { images, ...(masked !== undefined && { mask: masked }) }
}

/** A file in a part of another name would go to the vendor under a name that it most likely does not know. */
function refuseOtherFiles(value: unknown): void {
  for (const [name, part] of Object.entries(typeof value === 'object' && value !== null ? value : {})) {
    if (FILE_PARTS.has(name) || !isPlace(part)) continue
    const message = `${name} cannot be a file; files go in as image, image[], mask or reference_images[]`
    throw new ProblemError('unknown_parameter', message, { param: name })
  }
}

function isPlace(value: unknown): value is InputPlace {
  return Place.safeParse(value).success
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
}
