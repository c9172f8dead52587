export {
  ApiKey,
  ApiKeyId,
  ApiKeyList,
  CreateApiKeyRequest,
  DeletedApiKey,
  NewApiKey,
  PatchApiKeyRequest,
  RotateApiKeyRequest,
} from './api-key.ts'
export {
  AttemptResource,
  DeliveryDetail,
  DeliveryList,
  DeliveryResource,
  DeliveryState,
  RedeliverReport,
  RedeliverRequest,
} from './delivery.ts'
export { DeletedFile, FileId, FileList, FileObject } from './file.ts'
export { hookToken, readHookToken } from './hook-token.ts'
export { CreateImageRequest, ImagesResponse } from './image.ts'
export {
  Cost,
  Door,
  isTerminal,
  JOB_STATUSES,
  JobId,
  JobKind,
  JobStatus,
  Metadata,
  Output,
  PROVIDERS,
  ProviderName,
  TERMINAL_STATUSES,
  type TerminalStatus,
} from './job.ts'
export { JOB_ERRORS, JobError, JobErrorCode, jobError } from './job-error.ts'
export { Limits } from './limits.ts'
export { type Media, SNIFF_BYTES, sniffMedia } from './media-type.ts'
export {
  CreateJobRequest,
  Deadlines,
  JobFailure,
  JobList,
  JobOptions,
  JobResource,
  OutputResource,
} from './native-job.ts'
export { PROBLEMS, type ProblemCode, ProblemError } from './problem.ts'
export {
  CreateProviderRequest,
  DeletedProvider,
  DeletedProviderKey,
  ProviderKeyInput,
  ProviderKeyList,
  ProviderKeyResource,
  ProviderList,
  ProviderResource,
  ReplaceProviderRequest,
  RewrapReport,
} from './provider-config.ts'
export { ProviderLimits, VendorLimits } from './provider-limits.ts'
export { SCOPES, Scope } from './scope.ts'
export { Secret } from './secret.ts'
export { CreateTeamRequest, PatchTeamRequest, PutTeamRequest, Team, TeamId, TeamList } from './team.ts'
export { UsageGroup, UsageQuery, UsageReport, UsageRow } from './usage.ts'
export { CreateVideoRequest, DeletedVideo, Video, VideoList } from './video.ts'
export { type WebhookSigningKey, WebhookSigningKeys } from './webhook-ed25519.ts'
export {
  CreateWebhookEndpointRequest,
  DeletedWebhookEndpoint,
  RotateWebhookSecretRequest,
  TestWebhookEndpointRequest,
  UpdateWebhookEndpointRequest,
  WebhookEndpoint,
  WebhookEndpointId,
  WebhookEndpointList,
  WebhookEndpointTest,
  WebhookEndpointWithSecret,
  WebhookEventTypeList,
} from './webhook-endpoint.ts'
export { WebhookEvent } from './webhook-event.ts'
export { WebhookPublicKeyList } from './webhook-public-key.ts'
export { signWebhook, verifyWebhook, WebhookSignatureError, webhookKey } from './webhook-signature.ts'
export {
  subscribedTypes,
  WEBHOOK_SUBSCRIPTIONS,
  WebhookEventType,
  WebhookSubscriptions,
} from './webhook-subscription.ts'
