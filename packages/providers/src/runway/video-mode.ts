import { ProblemError } from '@genqueue/contract'
import { findVideoModel, type ModeRule, rulesOfUnknownModel, type VideoMode, videoModelsFor } from './models.ts'

export type VideoSources = { hasImage: boolean; hasVideo: boolean }

/** The inputs alone name the mode, as callers of other gateways expect; a known model may then refuse it. */
export function chooseMode(
  model: string,
  { hasImage, hasVideo }: VideoSources,
): { mode: VideoMode; rule: ModeRule; isKnown: boolean } {
  const mode = hasVideo ? 'video_to_video' : hasImage ? 'image_to_video' : 'text_to_video'
  const known = findVideoModel(model)
  if (!known) return { mode, rule: rulesOfUnknownModel(model, mode), isKnown: false }
  const rule = known[mode]
  if (rule) {
    if (hasVideo && hasImage) throw bothGiven(model)
    return { mode, rule, isKnown: true }
  }
  if (!hasVideo && !hasImage && known.image_to_video) throw missing('input_reference', `${model} starts from an image`)
  if (!hasVideo && known.video_to_video) throw missing('video_uri', `${model} starts from a video`)
  throw new ProblemError(
    'invalid_model',
    `${model} does not do ${mode}; models that do: ${videoModelsFor(mode).join(', ')}`,
    { param: 'model' },
  )
}

function missing(param: 'input_reference' | 'video_uri', why: string): ProblemError {
  return new ProblemError('missing_parameter', `${why}; add ${param}`, { param })
}

function bothGiven(model: string): ProblemError {
  const message = `${model} takes no image beside a video; give video_uri or input_reference, not both`
  return new ProblemError('invalid_input_reference', message, { param: 'input_reference' })
}
