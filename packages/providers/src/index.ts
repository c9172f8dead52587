export { fillInputs, type InputPlace } from './fill-inputs.ts'
export type {
  Call,
  CancelOutcome,
  Operation,
  PollOutcome,
  PreparedInput,
  Provider,
  StoredInput,
  SubmitOutcome,
  VendorBody,
} from './provider.ts'
export { operationsOf, translateVideo } from './registry.ts'
export { parseRetryAfter } from './retry-after.ts'
export { estimateVideoCost } from './runway/estimate.ts'
export { createRunwayProvider, type RunwayOptions } from './runway/provider.ts'
export type { VideoInputs, VideoRequest, VideoTranslation } from './video-request.ts'
