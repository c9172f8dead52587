import { CreateVideoRequest } from '@genqueue/contract'
import { type InputPlace, kindOf, translateVideo, type VideoInputs } from '@genqueue/providers'
import { z } from 'zod'
import type { JobDraft } from '../accept/accept-job.ts'
import { checkMediaUrls, checkWebhookUrl } from '../accept/caller-urls.ts'
import { idempotencyKeyOf, idempotencyOf } from '../accept/idempotency.ts'
import { jobRequest, resultsOf } from '../accept/job-request.ts'
import { mediaReference, Place } from '../accept/media-reference.ts'
import { splitModel } from '../accept/model-name.ts'
import { refuseOurOwn } from '../accept/our-own-fields.ts'
import { splitOptions } from '../accept/split-options.ts'
import type { AppDeps } from '../app-deps.ts'
import type { FormShape } from '../intake/coerce-form.ts'
import { parseRequest } from '../invalid-request.ts'

const ROUTE = 'POST /v1/videos'

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
  webhook_events: 'json',
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
  const draft: JobDraft['draft'] = ({ value, inputs }) => {
    const request = parseRequest(VideoRequestAfterIntake, withTextSeconds(value))
    const { provider, model } = splitModel(request.model)
    checkWebhookUrl(request.webhook_url, config.egress)
    checkMediaUrls(request, config.egress)

    const { options, work } = splitOptions(request)
    const { input_reference, video_uri, ...rest } = work
    const given: VideoInputs = {
      ...place('image', mediaReference(input_reference, 'input_reference')),
      ...place('video', video_uri),
    }
    const translation = translateVideo(provider, { ...rest, model }, given)
    const { operation } = translation
    const body = { ...translation.body }
    refuseOurOwn(provider, operation, body, (field) => field)
    const { prompt, size, seconds } = translation.display
    const display = { ...text('prompt', prompt), ...text('size', size), ...text('seconds', seconds) }
    const results = resultsOf(body)
    return {
      provider,
      operation,
      model: translation.model,
      kind: kindOf(provider, operation, body),
      door: 'videos',
      request: jobRequest(options, { body, display, inputs, results }, config.jobDefaults, now()),
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

function place<Name extends string>(name: Name, value: string | InputPlace | undefined) {
  return value === undefined || value === '' ? {} : ({ [name]: value } as Record<Name, string | InputPlace>) // one key, just set
}

function text<Name extends string>(name: Name, value: string | null) {
  return value === null ? {} : ({ [name]: value } as Record<Name, string>) // one key, just set
}
