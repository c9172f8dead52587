import { CreateVideoRequest, type JobOptions, PROVIDERS, ProblemError, ProviderName } from '@genqueue/contract'
import { type InputPlace, operationsOf, translateVideo, type VideoInputs } from '@genqueue/providers'
import { z } from 'zod'
import type { JobDraft } from '../accept-job.ts'
import type { AppDeps } from '../app-deps.ts'
import { checkMediaUrls, checkWebhookUrl } from '../caller-urls.ts'
import { idempotencyKeyOf, idempotencyOf } from '../idempotency.ts'
import type { FormShape } from '../intake/coerce-form.ts'
import { parseRequest } from '../invalid-request.ts'
import { jobRequest } from '../job-request.ts'

const ROUTE = 'POST /v1/videos'
const Place = z.strictObject({ $input: z.int().min(0) })

const Media = z.union([z.string(), Place])
const InputReference = z.union([Media, z.strictObject({ image_url: Media }), z.strictObject({ file_id: z.string() })])

/** The contract's request after intake: media may have become the place of a stored input. */
const VideoRequestAfterIntake = CreateVideoRequest.extend({
  input_reference: z.unknown().optional(),
  video_uri: z.union([z.string(), Place], { error: 'must be an https URL, a data URI or a file' }).optional(),
})

/** Fields of a form that are not to be guessed; a list or an object may also come as one field of JSON text. */
const FORM_SHAPE: FormShape = {
  input_reference: 'text',
  video_uri: 'text',
  negative_prompt: 'text',
  webhook_url: 'text',
  on_submission_unknown: 'text',
  seed: 'integer',
  audio: 'boolean',
  priority: 'integer',
  delay_seconds: 'integer',
  retention_seconds: 'integer',
  deadlines: 'json',
  references: 'json',
  reference_images: 'json',
  content_moderation: 'json',
}

/** How `POST /v1/videos` makes a job of its body. */
export function draftVideo(deps: AppDeps, idempotencyHeader: string | null): JobDraft {
  const { config, now = Date.now } = deps
  // Told before a file is taken in, not after.
  const key = idempotencyKeyOf(idempotencyHeader)
  const draft: JobDraft['draft'] = (value, inputs) => {
    const request = parseRequest(VideoRequestAfterIntake, withTextSeconds(value))
    const { provider, model } = splitModel(request.model)
    checkWebhookUrl(request.webhook_url, config.egress)
    checkMediaUrls(request, config.egress)

    const { options, work } = splitOptions(request)
    const { input_reference, video_uri, ...rest } = work
    const given: VideoInputs = {
      ...place('image', imageOf(input_reference)),
      ...place('video', video_uri),
    }
    const translation = translateVideo(provider, { ...rest, model }, given)
    if (!translation) throw notSupportedYet(provider)
    const kind = operationsOf(provider)?.find(({ name }) => name === translation.operation)?.kind ?? 'video'
    const { prompt, size, seconds } = translation.display
    const display = { ...text('prompt', prompt), ...text('size', size), ...text('seconds', seconds) }
    const body = { ...translation.body }
    return {
      provider,
      operation: translation.operation,
      model: translation.model,
      kind,
      door: 'videos',
      request: jobRequest(options, { body, display, inputs }, config.jobDefaults, now()),
      ...(key !== undefined && { idempotency: idempotencyOf(ROUTE, key, request, inputs) }),
    }
  }
  return { formShape: FORM_SHAPE, draft }
}

// The wire format says text; many clients send the number all the same.
function withTextSeconds(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('seconds' in value) || typeof value.seconds !== 'number')
    return value
  return { ...value, seconds: String(value.seconds) }
}

function splitModel(text: string): { provider: ProviderName; model: string } {
  const slash = text.indexOf('/')
  const provider = ProviderName.safeParse(text.slice(0, slash))
  if (slash < 1 || slash === text.length - 1 || !provider.success) {
    const message = `model must be <provider>/<model> with a provider of ${PROVIDERS.join(', ')}, for instance runway/gen4_turbo`
    throw new ProblemError('invalid_model', message, { param: 'model' })
  }
  if (!operationsOf(provider.data)) throw notSupportedYet(provider.data)
  return { provider: provider.data, model: text.slice(slash + 1) }
}

function notSupportedYet(provider: ProviderName): ProblemError {
  return new ProblemError('not_supported', `${provider} cannot be used yet; use runway/<model>`, { param: 'model' })
}

/** What belongs to the job, and what is the vendor's. */
function splitOptions(request: z.infer<typeof VideoRequestAfterIntake>) {
  const {
    webhook_url,
    metadata,
    priority,
    delay_seconds,
    deadlines,
    retention_seconds,
    on_submission_unknown,
    ...work
  } = request
  const options: JobOptions = {
    webhook_url,
    metadata,
    priority,
    delay_seconds,
    deadlines,
    retention_seconds,
    on_submission_unknown,
  }
  return { options, work }
}

/** The forms of `input_reference`: text, a file or long data URI (a place by now), `{image_url}`, and `{file_id}`. */
function imageOf(reference: unknown): string | InputPlace | undefined {
  if (reference === undefined || reference === '') return undefined
  const parsed = InputReference.safeParse(reference)
  const image = parsed.success ? mediaOf(parsed.data) : undefined
  if (image === undefined || (typeof image === 'string' && !/^(https|data|runway):/i.test(image))) {
    const message = 'input_reference must be a file, an https URL, a data URI or {"image_url": …}'
    throw new ProblemError('invalid_input_reference', message, { param: 'input_reference' })
  }
  return image
}

function mediaOf(reference: z.infer<typeof InputReference>): string | InputPlace {
  if (typeof reference === 'string' || '$input' in reference) return reference
  if ('image_url' in reference) return reference.image_url
  const message = 'Files cannot be referred to by id yet; send the file itself, a URL or a data URI'
  throw new ProblemError('not_supported', message, { param: 'input_reference[file_id]' })
}

function place<Name extends string>(name: Name, value: string | InputPlace | undefined) {
  return value === undefined || value === '' ? {} : ({ [name]: value } as Record<Name, string | InputPlace>) // one key, just set
}

function text<Name extends string>(name: Name, value: string | null) {
  return value === null ? {} : ({ [name]: value } as Record<Name, string>) // one key, just set
}
