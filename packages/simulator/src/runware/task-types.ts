import type { MediaType } from '../assets/media.ts'
import { modelOf } from './models.ts'
import { isRecord, type TaskRequest } from './task-request.ts'

type Media = 'image' | 'video' | 'audio' | '3d' | 'text'

/** A task type that generates something and may be paid for. */
export interface TaskType {
  readonly name: string
  readonly media: Media
  /** What the fields of a result start with: `image` gives imageUUID, imageURL and so on. */
  readonly field: string
  /** What each `outputFormat` is delivered as; the first is the usual one. */
  readonly formats: Readonly<Record<string, MediaType>>
  /** Fields a result has besides its asset. */
  readonly extras: readonly ('seed' | 'inputImageUUID' | 'detections')[]
  readonly maxResults: number
  readonly usdPerTask: number
}

const IMAGES = { JPG: 'image/jpeg', PNG: 'image/png', WEBP: 'image/webp' } as const
const VIDEOS = { MP4: 'video/mp4' } as const

const image = {
  media: 'image',
  field: 'image',
  formats: IMAGES,
  extras: [],
  maxResults: 20,
  usdPerTask: 0.002,
} as const
const text = { media: 'text', field: '', formats: {}, extras: [], maxResults: 5, usdPerTask: 0.0006 } as const

const LIST: readonly TaskType[] = [
  { ...image, name: 'imageInference', extras: ['seed'] },
  {
    ...image,
    name: 'videoInference',
    media: 'video',
    field: 'video',
    formats: VIDEOS,
    extras: ['seed'],
    maxResults: 4,
  },
  {
    ...image,
    name: 'audioInference',
    media: 'audio',
    field: 'audio',
    formats: { MP3: 'audio/mpeg', WAV: 'audio/wav' },
    maxResults: 3,
    usdPerTask: 0.03,
  },
  {
    ...image,
    name: '3dInference',
    media: '3d',
    field: '',
    formats: { GLB: 'model/gltf-binary', ZIP: 'application/zip' },
    maxResults: 1,
    usdPerTask: 0.12,
  },
  { ...image, name: 'upscale', extras: ['inputImageUUID'] },
  { ...image, name: 'removeBackground', formats: { PNG: 'image/png', WEBP: 'image/webp' }, extras: ['inputImageUUID'] },
  { ...image, name: 'vectorize', formats: { SVG: 'image/svg+xml' }, extras: ['inputImageUUID'] },
  { ...image, name: 'controlNetPreprocess', field: 'guideImage', extras: ['inputImageUUID'] },
  { ...image, name: 'imageMasking', field: 'maskImage', extras: ['inputImageUUID', 'detections'] },
  { ...text, name: 'caption' },
  { ...text, name: 'promptEnhance' },
]

const BY_NAME: ReadonlyMap<string, TaskType> = new Map(LIST.map((type) => [type.name, type]))

const OLDER_NAMES: Readonly<Record<string, string>> = {
  imageUpscale: 'upscale',
  imageBackgroundRemoval: 'removeBackground',
  imageCaption: 'caption',
  imageControlNetPreProcess: 'controlNetPreprocess',
}

/** Under its own name or an older one; undefined for anything that generates nothing. */
export function taskTypeOf(name: string): TaskType | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(OLDER_NAMES[name] ?? '')
}

/** The type as this request uses it: given a video, an image tool makes a video. */
export function fittedTo(type: TaskType, { inputs }: TaskRequest): TaskType {
  if (type.media !== 'image' || !isRecord(inputs) || inputs.video === undefined) return type
  return { ...type, media: 'video', field: 'video', formats: VIDEOS, extras: [] }
}

export function isAsyncByDefault(type: TaskType, { inputs }: TaskRequest): boolean {
  return type.media === 'video' || (isRecord(inputs) && inputs.video !== undefined)
}

const USUAL_SECONDS = 5

/** In USD, for one generation. */
export function priceOf(type: TaskType, request: TaskRequest): number {
  const model = modelOf(typeof request.model === 'string' ? request.model : '')
  const seconds = typeof request.duration === 'number' ? request.duration : USUAL_SECONDS
  if (type.media === 'video') return roundUsd(model.usdPerSecond * seconds)
  return type.name === 'imageInference' ? model.usdPerImage : type.usdPerTask
}

/** Sums of prices without the noise of binary fractions. */
export function roundUsd(usd: number): number {
  return Math.round(usd * 1e6) / 1e6
}
