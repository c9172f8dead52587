import { ProblemError } from '@genqueue/contract'
import { findVideoModel, type ModeRule, rulesOfUnknownModel, type VideoMode, type VideoModel } from './models.ts'

export type VideoSources = { hasImage: boolean; hasVideo: boolean }

/**
 * The inputs alone name the mode, as callers of other gateways expect. A model that our table does not list for it is
 * passed on all the same: the vendor's lists change monthly, and its own refusal costs nothing.
 */
export function chooseMode(
  model: string,
  { hasImage, hasVideo }: VideoSources,
): { mode: VideoMode; rule: ModeRule; isListed: boolean } {
  const mode = hasVideo ? 'video_to_video' : hasImage ? 'image_to_video' : 'text_to_video'
  const known = findVideoModel(model)
  if (!known) return { mode, rule: rulesOfUnknownModel(model, mode), isListed: false }
  const rule = known[mode]
  if (!rule) return { mode, rule: ruleOfOtherModes(known), isListed: false }
  if (hasVideo && hasImage) {
    const message = `${model} takes no image beside a video; give video_uri or input_reference, not both`
    throw new ProblemError('invalid_input_reference', message, { param: 'input_reference' })
  }
  return { mode, rule, isListed: true }
}

/** Frames and seconds belong to the model more than to the mode: what it takes elsewhere is the best guess here. */
function ruleOfOtherModes({ image_to_video, text_to_video, video_to_video }: VideoModel): ModeRule {
  const rules = [image_to_video, text_to_video, video_to_video]
  const ratio = rules.find((rule) => rule?.ratio)?.ratio
  const duration = rules.find((rule) => rule?.duration)?.duration ?? {}
  return { ...(ratio && { ratio }), duration }
}
