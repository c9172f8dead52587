import { z } from 'zod'
import {
  contentModeration,
  flag,
  oneOf,
  RATIOS,
  referenceAudio,
  references,
  referenceVideos,
  secondsOrAuto,
  seed,
  text,
} from './fields.ts'

/** What the video models of several endpoints have in common. */

const FORMATS =
  'mp4 prores png_sequence hdr10 hlg sdr_rec709_10bit hdr_pq_12bit_master hdr_prores hdr_png_sequence hdr_exr_sequence hdr_exr_acescg_sequence_1_3 hdr_exr_acescg_sequence_2_0'
export const proresProfile = z.enum(['422', '4444', '422 Proxy', '422 LT', '422 HQ', '4444 XQ']).optional()
export const prompt = text(1000)
export const longPrompt = text(3500)
export const anySeconds = z.number().positive().optional()
export const gen45 = { seed, contentModeration, outputFormat: oneOf(FORMATS).optional(), proresProfile }
export const veo = {
  ratio: oneOf(RATIOS.veo),
  duration: z.union([z.literal(4), z.literal(6), z.literal(8)]).optional(),
  audio: flag,
  negativePrompt: text(1000).optional(),
  seed,
}
export const seedanceRatios = `${RATIOS.seedanceSmall} ${RATIOS.seedanceLarge}`
export const seedance = (ratios: string) => ({
  duration: secondsOrAuto,
  ratio: oneOf(ratios).optional(),
  audio: flag,
  seed,
  referenceAudio,
})
export const seedanceReferences = { references: references(9), referenceVideos }
export const seedance25References = { references: references(30), referenceVideos }
export const omniRatio = oneOf('1280:720 720:1280').optional()
export const omni11 = { duration: secondsOrAuto, ratio: oneOf(RATIOS.omni).optional() }
export const hailuo = {
  duration: anySeconds,
  ratio: oneOf(RATIOS.hailuo).optional(),
  resolution: oneOf('768p 2k 768P 2K').optional(),
  referenceAudio,
}
export const wan = {
  duration: anySeconds,
  ratio: oneOf(RATIOS.wan).optional(),
  audio: flag,
  referenceAudio,
  referenceVideos,
}
export const grok = { duration: anySeconds, resolution: oneOf('480p 720p 1080p').optional() }
export const h3 = {
  duration: anySeconds,
  resolution: oneOf('480p 768p').optional(),
  promptExpansionMode: oneOf('disabled balanced quality').optional(),
  seed,
}
