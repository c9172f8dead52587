import type { JobKind, ProviderName } from '@genqueue/contract'
import type { ImageInputs, ImageRequest, ImageTranslation } from './image-request.ts'
import type { Operation, VendorBody } from './provider.ts'
import { RUNWARE_OPERATIONS, runwareKindOf } from './runware/operations.ts'
import { translateImage as translateRunwareImage } from './runware/translate-image.ts'
import { translateVideo as translateRunwareVideo } from './runware/translate-video.ts'
import { RUNWAY_OPERATIONS } from './runway/operations.ts'
import { translateVideo as translateRunwayVideo } from './runway/translate.ts'
import { translateRunwayImage } from './runway-image/translate-image.ts'
import type { VideoInputs, VideoRequest, VideoTranslation } from './video-request.ts'

type Vendor = {
  operations: readonly Operation[]
  /** What the operation makes of this body, where that is not the operation's usual kind. */
  kindOf?(operation: string, body: VendorBody): JobKind
  translateVideo(request: VideoRequest, inputs?: VideoInputs): VideoTranslation
  translateImage(request: ImageRequest, inputs?: ImageInputs): ImageTranslation
}

const VENDORS: Readonly<Record<ProviderName, Vendor>> = {
  runway: {
    operations: Object.entries(RUNWAY_OPERATIONS).map(([name, { kind }]) => ({ name, kind })),
    translateVideo: translateRunwayVideo,
    translateImage: translateRunwayImage,
  },
  runware: {
    operations: Object.entries(RUNWARE_OPERATIONS).map(([name, { kind }]) => ({ name, kind })),
    kindOf: runwareKindOf,
    translateVideo: translateRunwareVideo,
    translateImage: translateRunwareImage,
  },
}

/** What the vendor can be asked to do. */
export function operationsOf(provider: ProviderName): readonly Operation[] {
  return VENDORS[provider].operations
}

/** What the operation makes of this body: an upscale of a video makes a video. The operation must be one of the vendor's. */
export function kindOf(provider: ProviderName, operation: string, body: VendorBody): JobKind {
  const { operations, kindOf: ofBody } = VENDORS[provider]
  const known = operations.find(({ name }) => name === operation)
  if (!known) throw new Error(`${provider} has no operation '${operation}'`)
  return ofBody?.(operation, body) ?? known.kind
}

/** The vendor's body for a request of `/v1/videos`. */
export function translateVideo(provider: ProviderName, request: VideoRequest, inputs?: VideoInputs): VideoTranslation {
  return VENDORS[provider].translateVideo(request, inputs)
}

/** The vendor's body for a request of the image routes. */
export function translateImage(provider: ProviderName, request: ImageRequest, inputs?: ImageInputs): ImageTranslation {
  return VENDORS[provider].translateImage(request, inputs)
}
