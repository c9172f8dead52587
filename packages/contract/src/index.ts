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
export { SCOPES, Scope } from './scope.ts'
export { Secret } from './secret.ts'
export { CreateVideoRequest, DeletedVideo, Video, VideoList } from './video.ts'
export { WEBHOOK_EVENT_TYPES, WebhookEvent } from './webhook-event.ts'
export { signWebhook, verifyWebhook, WebhookSignatureError, webhookKey } from './webhook-signature.ts'
