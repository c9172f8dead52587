import type { ProviderName } from '@genqueue/contract'
import type { Operation } from './provider.ts'
import { RUNWAY_OPERATIONS } from './runway/operations.ts'
import { translateVideo as translateRunwayVideo } from './runway/translate.ts'
import type { VideoInputs, VideoRequest, VideoTranslation } from './video-request.ts'

type Vendor = {
  operations: readonly Operation[]
  translateVideo(request: VideoRequest, inputs?: VideoInputs): VideoTranslation
}

const VENDORS: Readonly<Record<ProviderName, Vendor | undefined>> = {
  runway: {
    operations: Object.entries(RUNWAY_OPERATIONS).map(([name, { kind }]) => ({ name, kind })),
    translateVideo: translateRunwayVideo,
  },
  runware: undefined,
}

/** What the vendor can be asked to do; undefined while the vendor is not supported. */
export function operationsOf(provider: ProviderName): readonly Operation[] | undefined {
  return VENDORS[provider]?.operations
}

/** The vendor's body for a request of `/v1/videos`; undefined while the vendor is not supported. */
export function translateVideo(
  provider: ProviderName,
  request: VideoRequest,
  inputs?: VideoInputs,
): VideoTranslation | undefined {
  return VENDORS[provider]?.translateVideo(request, inputs)
}
