import { SOUND_EFFECT, SPEECH_TO_SPEECH, TEXT_TO_SPEECH, VOICE_DUBBING, VOICE_ISOLATION } from './audio-models.ts'
import { IMAGE_UPSCALE, TEXT_TO_IMAGE } from './image-models.ts'
import { IMAGE_TO_VIDEO } from './image-to-video-models.ts'
import type { MediaKind, Model } from './model.ts'
import { RECIPES } from './recipes.ts'
import { SEED004_ENDPOINTS } from './seed004-models.ts'
import { TEXT_TO_VIDEO } from './text-to-video-models.ts'
import { AVATAR_VIDEOS, CHARACTER_PERFORMANCE, VIDEO_TO_HDR, VIDEO_UPSCALE } from './video-models.ts'
import { VIDEO_TO_VIDEO } from './video-to-video-models.ts'

export type Dialect = 'real' | 'seed004'

const REAL_ENDPOINTS: Readonly<Record<string, Readonly<Record<string, Model>>>> = {
  text_to_video: TEXT_TO_VIDEO,
  image_to_video: IMAGE_TO_VIDEO,
  video_to_video: VIDEO_TO_VIDEO,
  video_to_hdr: VIDEO_TO_HDR,
  text_to_image: TEXT_TO_IMAGE,
  character_performance: CHARACTER_PERFORMANCE,
  image_upscale: IMAGE_UPSCALE,
  video_upscale: VIDEO_UPSCALE,
  sound_effect: SOUND_EFFECT,
  text_to_speech: TEXT_TO_SPEECH,
  speech_to_speech: SPEECH_TO_SPEECH,
  voice_dubbing: VOICE_DUBBING,
  voice_isolation: VOICE_ISOLATION,
  avatar_videos: AVATAR_VIDEOS,
  ...RECIPES,
}

const AUDIO = new Set(['sound_effect', 'text_to_speech', 'speech_to_speech', 'voice_dubbing', 'voice_isolation'])
const IMAGE = new Set([
  'text_to_image',
  'image_upscale',
  'recipes/ad_localization',
  'recipes/marketing_stock_image',
  'recipes/product_campaign_image',
])

/** The task-creating endpoints of a dialect: for each, its models by name. */
export function endpointsOf(dialect: Dialect): Readonly<Record<string, Readonly<Record<string, Model>>>> {
  return dialect === 'real' ? REAL_ENDPOINTS : SEED004_ENDPOINTS
}

export function mediaKindOf(endpoint: string): MediaKind {
  if (AUDIO.has(endpoint)) return 'audio'
  return IMAGE.has(endpoint) ? 'image' : 'video'
}

/** The real API answers these with `{ id }` alone. */
export function tellsEstimate(endpoint: string, dialect: Dialect): boolean {
  return dialect === 'real' && endpoint !== 'avatar_videos'
}

/** The model a body asks for; a recipe is its own model. */
export function modelIn(endpoint: string, body: unknown): string | undefined {
  if (endpoint.startsWith('recipes/')) return endpoint.slice('recipes/'.length)
  const isNamed = typeof body === 'object' && body !== null && 'model' in body && typeof body.model === 'string'
  return isNamed ? String(body.model) : undefined
}
