import { ProblemError } from '@genqueue/contract'
import type { VendorBody } from '../provider.ts'
import type { VideoInputs, VideoRequest, VideoTranslation } from '../video-request.ts'
import { frameImagesOf } from './frame-images.ts'
import { mergeInputs, withoutUndefined } from './merge-inputs.ts'

type Frame = { width: number; height: number }

const FULL_HD: Frame = { width: 1920, height: 1080 }
/** Models that never choose a size of their own, not even by the image. */
const NEEDS_SIZE: Readonly<Record<string, Frame>> = {
  'lightricks:ltx@2.3': FULL_HD,
  'lightricks:ltx@2.3-fast': FULL_HD,
  'vidu:4@2': FULL_HD,
  'runway:1@2': { width: 1280, height: 720 },
}

/** OpenAI's video request as the body of a `videoInference`. Pure; keys it does not know are passed on and win. */
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
    frameImages,
    ...extras
  } = request
  const image = inputs.image ?? imageOf(input_reference)
  const { frames, shown } = frameImagesOf({
    first: image,
    flat: frameImages,
    references: [...(reference_images ?? []), ...(references ?? [])],
  })
  const nested = withoutUndefined({
    frameImages: frames.length > 0 ? frames : undefined,
    referenceImages: shown.length > 0 ? shown : undefined,
    video: inputs.video ?? (video_uri || undefined),
  })
  const { providerSettings, inputs: callersInputs, ...rest } = extras
  const body = withoutUndefined({
    model,
    positivePrompt: prompt || undefined,
    negativePrompt: negative_prompt || undefined,
    ...frameOf(model, size, { ...extras, ...nested }),
    duration: durationOf(seconds),
    seed,
    ...rest,
    inputs: mergeInputs(Object.keys(nested).length > 0 ? nested : undefined, callersInputs),
    ...settingsOf(model, { audio, content_moderation, providerSettings }),
  })
  return { operation: 'videoInference', model, body, display: displayOf(body) }
}

function imageOf(reference: VideoRequest['input_reference']): string | undefined {
  if (typeof reference !== 'object') return reference || undefined
  if (reference.image_url) return reference.image_url
  const message = 'Give input_reference a URL or a data URI of an image'
  throw new ProblemError('invalid_input_reference', message, { param: 'input_reference' })
}

/** What decides the size when nobody names it. */
const DECIDES_SIZE = ['width', 'height', 'resolution', 'frameImages', 'referenceImages', 'video', 'inputs', 'seedVideo']

function frameOf(model: string, size: string | undefined, given: VendorBody): Frame | undefined {
  if (!size) {
    if (['width', 'height', 'resolution'].some((key) => given[key] !== undefined)) return undefined
    if (Object.hasOwn(NEEDS_SIZE, model)) return NEEDS_SIZE[model]
    // From text alone the vendor wants to be told; whatever is shown to the model decides by itself.
    return DECIDES_SIZE.some((key) => given[key] !== undefined) ? undefined : FULL_HD
  }
  const [, width, height] = /^([1-9]\d{0,4})[x:]([1-9]\d{0,4})$/i.exec(size) ?? []
  if (width && height) return { width: Number(width), height: Number(height) }
  const message = `'${size.slice(0, 32)}' is not a size; write it as WIDTHxHEIGHT, for instance 1280x720`
  throw new ProblemError('invalid_size', message, { param: 'size' })
}

function durationOf(seconds: string | undefined): number | undefined {
  if (seconds === undefined || seconds === '') return undefined
  const duration = /^\d{1,5}(\.\d{1,3})?$/.test(seconds) ? Number(seconds) : 0
  if (duration > 0) return duration
  const message = `'${seconds.slice(0, 16)}' is not a duration; give a positive number of seconds`
  throw new ProblemError('invalid_seconds', message, { param: 'seconds' })
}

/** Where each maker reads the switches that OpenAI's API has no word for; elsewhere they go under their own name. */
const AUDIO_SWITCH: Readonly<Record<string, string>> = {
  google: 'generateAudio',
  lightricks: 'generateAudio',
  alibaba: 'audio',
}

type Switches = { audio: unknown; content_moderation: VideoRequest['content_moderation']; providerSettings: unknown }

function settingsOf(model: string, { audio, content_moderation, providerSettings }: Switches): VendorBody {
  const maker = model.split(':')[0] ?? ''
  const field = Object.hasOwn(AUDIO_SWITCH, maker) ? AUDIO_SWITCH[maker] : undefined
  const ours: Record<string, unknown> = {}
  if (audio !== undefined && field) ours[field] = audio
  if (content_moderation && maker === 'runway') {
    const { public_figure_threshold: threshold, ...others } = content_moderation
    ours.contentModeration = withoutUndefined({ publicFigureThreshold: threshold, ...others })
  }
  const given = typeof providerSettings === 'object' && providerSettings !== null ? providerSettings : undefined
  const own = given && maker in given ? (given as VendorBody)[maker] : undefined // an object, tested above
  const isMerged = Object.keys(ours).length > 0
  return withoutUndefined({
    audio: field ? undefined : audio,
    content_moderation: maker === 'runway' ? undefined : content_moderation,
    providerSettings: isMerged ? { ...given, [maker]: mergeInputs(ours, own) } : providerSettings,
  })
}

function displayOf({ positivePrompt, width, height, duration }: VendorBody): VideoTranslation['display'] {
  return {
    prompt: typeof positivePrompt === 'string' ? positivePrompt : null,
    size: typeof width === 'number' && typeof height === 'number' ? `${width}x${height}` : null,
    seconds: typeof duration === 'number' ? String(duration) : null,
  }
}
