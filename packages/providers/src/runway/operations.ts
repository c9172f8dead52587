import type { JobKind } from '@genqueue/contract'

/** Every operation of Runway, today's API and the older dialect alike; a new one is one line. */
export const RUNWAY_OPERATIONS = {
  text_to_video: { kind: 'video', endpoint: '/v1/text_to_video' },
  image_to_video: { kind: 'video', endpoint: '/v1/image_to_video' },
  video_to_video: { kind: 'video', endpoint: '/v1/video_to_video' },
  video_to_hdr: { kind: 'video', endpoint: '/v1/video_to_hdr' },
  video_upscale: { kind: 'video', endpoint: '/v1/video_upscale' },
  frame_interpolation: { kind: 'video', endpoint: '/v1/frame_interpolation' },
  character_performance: { kind: 'video', endpoint: '/v1/character_performance' },
  lip_sync: { kind: 'video', endpoint: '/v1/lip_sync' },
  avatar_videos: { kind: 'video', endpoint: '/v1/avatar_videos' },
  text_to_image: { kind: 'image', endpoint: '/v1/text_to_image' },
  image_upscale: { kind: 'image', endpoint: '/v1/image_upscale' },
  sound_effect: { kind: 'audio', endpoint: '/v1/sound_effect' },
  text_to_speech: { kind: 'audio', endpoint: '/v1/text_to_speech' },
  speech_to_speech: { kind: 'audio', endpoint: '/v1/speech_to_speech' },
  voice_dubbing: { kind: 'audio', endpoint: '/v1/voice_dubbing' },
  voice_isolation: { kind: 'audio', endpoint: '/v1/voice_isolation' },
} as const satisfies Readonly<Record<string, { kind: JobKind; endpoint: string }>>

/** The path an operation is sent to. Throws for a name that is not in the table: the doors let none through. */
export function endpointOf(operation: string): string {
  const entry = Object.entries(RUNWAY_OPERATIONS).find(([name]) => name === operation)
  if (!entry) throw new Error(`Runway has no operation '${operation}'`)
  return entry[1].endpoint
}
