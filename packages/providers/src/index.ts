export { readDataUrl } from './data-url.ts'
export { fillInputs, type InputPlace } from './fill-inputs.ts'
export type { OnRequest } from './http-attempt.ts'
export type { ImageInputs, ImageRequest, ImageTranslation } from './image-request.ts'
export { laneOf } from './lane-of.ts'
export { estimateCost } from './prices/estimate-cost.ts'
export { PriceOverrides } from './prices/price-overrides.ts'
export type {
  Call,
  CancelOutcome,
  LimitsOutcome,
  Operation,
  OutputDetail,
  PollOutcome,
  PreparedInput,
  Provider,
  StoredInput,
  SubmitOutcome,
  TaskEnd,
  TaskLook,
  VendorBody,
  WaitOutcome,
} from './provider.ts'
export { kindOf, operationsOf, translateImage, translateVideo } from './registry.ts'
export { parseRetryAfter } from './retry-after.ts'
export { createRunwareProvider, type RunwareOptions } from './runware/provider.ts'
export { createRunwayProvider, type RunwayOptions } from './runway/provider.ts'
export type { VideoInputs, VideoRequest, VideoTranslation } from './video-request.ts'
