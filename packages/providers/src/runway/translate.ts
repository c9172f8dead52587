import { ProblemError } from '@genqueue/contract'
import type { VendorBody } from '../provider.ts'
import type { VideoInputs, VideoRequest, VideoTranslation } from '../video-request.ts'
import { durationFor } from './duration.ts'
import type { ModeRule } from './models.ts'
import { ratioFor, sizeOf } from './ratio.ts'
import { chooseMode } from './video-mode.ts'

/**
 * OpenAI's video request as Runway's body. Pure. Throws a ProblemError for what a known model refuses; keys it does
 * not know, Runway's own names among them, are passed on as they are and win over what is derived.
 */
export function translateVideo(request: VideoRequest, inputs: VideoInputs = {}): VideoTranslation {
  const {
    model,
    prompt,
    seconds,
    size,
    input_reference,
    seed,
    audio,
    video_uri,
    negative_prompt,
    references,
    reference_images,
    content_moderation,
    ...extras
  } = request
  const image = inputs.image ?? imageOf(input_reference)
  const video = inputs.video ?? (video_uri || undefined)
  const { mode, rule, isListed } = chooseMode(model, {
    hasImage: image !== undefined || isGiven(extras, 'promptImage'),
    hasVideo: video !== undefined || isGiven(extras, 'videoUri') || isGiven(extras, 'promptVideo'),
  })
  if (isListed) checkFrames(model, extras.promptImage, rule)
  if (rule.promptRequired && !prompt && !isGiven(extras, 'promptText')) {
    throw new ProblemError('missing_parameter', `${model} needs a prompt for ${mode}`, { param: 'prompt' })
  }
  // A source video brings its own frame and length; defaults are for work that starts from nothing.
  const hasOwn = mode === 'video_to_video'
  const ratio = hasOwn && size === undefined ? undefined : ratioFor(model, size, rule.ratio)
  const duration = hasOwn && seconds === undefined ? undefined : durationFor(model, seconds, rule.duration)
  const body = withoutUndefined({
    model,
    promptText: prompt || undefined,
    promptImage: image,
    [rule.source ?? 'videoUri']: video,
    [rule.ratio?.field ?? 'ratio']: ratio,
    duration,
    seed,
    audio,
    negativePrompt: negative_prompt,
    references: references?.map((item) => (rule.referenceType ? { type: rule.referenceType, ...item } : item)),
    referenceImages: reference_images,
    contentModeration: content_moderation && moderationOf(content_moderation),
    ...extras,
  })
  return { operation: mode, model, body, display: displayOf(body, size) }
}

function imageOf(reference: VideoRequest['input_reference']): string | undefined {
  if (typeof reference !== 'object') return reference || undefined
  if (reference.image_url) return reference.image_url
  throw new ProblemError('invalid_input_reference', 'Give input_reference a URL or a data URI of an image', {
    param: 'input_reference',
  })
}

/** An array of `{uri, position}` reaches the vendor under its own name; a frame the model has no use for does not. */
function checkFrames(model: string, promptImage: unknown, { frames }: ModeRule): void {
  if (!Array.isArray(promptImage) || frames === undefined) return
  const positions = promptImage.map((frame: { position?: unknown } | null) => frame?.position)
  const allowed = frames === 'first' ? ['first'] : ['first', 'last']
  if (positions.includes('first') && positions.every((position) => allowed.some((name) => name === position))) return
  const message = `Every frame of ${model} needs a position (${allowed.join(' or ')}), and one must be first`
  throw new ProblemError('invalid_input_reference', message, { param: 'promptImage' })
}

function moderationOf({ public_figure_threshold: threshold, ...rest }: Readonly<Record<string, unknown>>): VendorBody {
  return threshold === undefined ? rest : { publicFigureThreshold: threshold, ...rest }
}

function displayOf(body: VendorBody, size: string | undefined): VideoTranslation['display'] {
  const { promptText, ratio, duration } = body
  return {
    prompt: typeof promptText === 'string' ? promptText : null,
    size: (typeof ratio === 'string' ? sizeOf(ratio) : null) ?? size ?? null,
    seconds: typeof duration === 'number' || typeof duration === 'string' ? String(duration) : null,
  }
}

function isGiven(body: VendorBody, key: string): boolean {
  return body[key] !== undefined && body[key] !== null && body[key] !== ''
}

function withoutUndefined(body: VendorBody): VendorBody {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}
