import { z } from 'zod'
import { JobId, JobKind, JobStatus, Metadata, ProviderName } from './job.ts'
import { JobErrorCode } from './job-error.ts'
import { WebhookSubscriptions } from './webhook-subscription.ts'

/** Longest time a job may spend in each kind of waiting, in seconds; past it the job fails with a code that says which. */
export const Deadlines = z.strictObject({
  queue_seconds: z.int().min(1).max(2_592_000).optional().meta({ description: 'In our own queue, before submission' }),
  throttled_seconds: z
    .int()
    .min(1)
    .max(2_592_000)
    .optional()
    .meta({ description: 'THROTTLED or PENDING at the vendor' }),
  running_seconds: z.int().min(1).max(604_800).optional().meta({ description: 'RUNNING at the vendor' }),
})
export type Deadlines = z.infer<typeof Deadlines>

/** What a caller may say about a job besides the work itself; the same on every door. */
export const JobOptions = z.object({
  webhook_url: z.string().max(2048).optional().meta({ description: 'Called when the job ends; Standard Webhooks' }),
  webhook_events: WebhookSubscriptions.optional(),
  metadata: Metadata.optional(),
  priority: z
    .int()
    .min(0)
    .max(1000)
    .optional()
    .meta({ description: '0, the default, goes first; higher numbers wait behind lower ones' }),
  delay_seconds: z.int().min(0).max(2_592_000).optional().meta({ description: 'Submit not before this much later' }),
  deadlines: Deadlines.optional(),
  retention_seconds: z
    .int()
    .min(60)
    .max(31_536_000)
    .optional()
    .meta({ description: 'How long the record is kept after the job ended' }),
  on_submission_unknown: z.enum(['fail', 'resubmit']).optional().meta({
    description: 'What to do when it cannot be known whether the vendor accepted; resubmit may be charged twice',
  }),
})
export type JobOptions = z.infer<typeof JobOptions>

/** `POST /v1/jobs`: the vendor's own body, passed on as it is. */
export const CreateJobRequest = JobOptions.extend({
  provider: ProviderName,
  operation: z.string().min(1).max(64),
  input: z.record(z.string(), z.json()).meta({ description: "The vendor's own request body" }),
  idempotency_key: z.string().min(1).max(255).optional(),
}).strict()
export type CreateJobRequest = z.infer<typeof CreateJobRequest>

const Iso = z.iso.datetime()

/** One generated file as callers see it. */
export const OutputResource = z.object({
  index: z.int(),
  url: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  content_type: z.string(),
  seed: z.string().optional().meta({ description: "The vendor's seed, as text: it may exceed what a number holds" }),
})
export type OutputResource = z.infer<typeof OutputResource>

export const JobFailure = z.object({
  code: JobErrorCode,
  message: z.string(),
  retryable: z.boolean().meta({ description: 'Whether the same request, sent again, can help' }),
  provider_code: z.string().nullable(),
  provider_message: z.string().nullable(),
})
export type JobFailure = z.infer<typeof JobFailure>

/** A job as `/v1/jobs` and webhooks show it. */
export const JobResource = z.object({
  id: JobId,
  object: z.literal('job'),
  status: JobStatus,
  stage: z.enum(['submit', 'poll', 'copy']).nullable().meta({ description: 'The work that is due; null when ended' }),
  provider: ProviderName,
  operation: z.string(),
  model: z.string().nullable(),
  kind: JobKind,
  progress: z.number().min(0).max(100),
  upstream_status: z.string().nullable().meta({ description: "The vendor's own word, THROTTLED included" }),
  task_id: z.string().nullable(),
  attempts: z.object({ submits: z.int(), polls: z.int() }),
  waiting: z
    .object({ reason: z.string(), until: Iso.nullable() })
    .nullable()
    .meta({ description: 'Why the job is held back, when it is' }),
  cancel_requested: z.boolean(),
  times: z.partialRecord(JobStatus, Iso).meta({ description: 'When each status began' }),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  outputs: z.array(OutputResource),
  cost: z
    .object({ amount: z.number(), unit: z.enum(['credits', 'usd']), usd: z.number(), final: z.boolean() })
    .nullable()
    .meta({ description: 'An estimate until the vendor told the final charge' }),
  error: JobFailure.nullable(),
  failures: z
    .array(JobFailure)
    .meta({ description: 'Why some results of a batch are not among the outputs of a succeeded job' }),
  metadata: Metadata,
})
export type JobResource = z.infer<typeof JobResource>

export const JobList = z.object({
  object: z.literal('list'),
  data: z.array(JobResource),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type JobList = z.infer<typeof JobList>
