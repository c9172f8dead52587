import { z } from 'zod'

/** The vendors a job can be sent to. */
export const PROVIDERS = ['runway', 'runware'] as const
export const ProviderName = z.enum(PROVIDERS)
export type ProviderName = z.infer<typeof ProviderName>

/** Facts that can hold about a job; `jobs/lifecycle.ts` says which stage each calls for and what may follow. */
export const JOB_STATUSES = [
  'queued',
  'submitting',
  'ambiguous',
  'submitted',
  'generated',
  'succeeded',
  'failed',
  'canceled',
] as const
export const JobStatus = z.enum(JOB_STATUSES)
export type JobStatus = z.infer<typeof JobStatus>

export const TERMINAL_STATUSES = ['succeeded', 'failed', 'canceled'] as const
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number]

export function isTerminal(status: JobStatus): status is TerminalStatus {
  return status === 'succeeded' || status === 'failed' || status === 'canceled'
}

/** `job_` and a ULID: sorts by time of intake, holds no dot or colon, and is the same on every door. */
export const JobId = z
  .string()
  .regex(/^job_[0-9A-HJKMNP-TV-Z]{26}$/, 'must be an id: job_ and 26 digits and capital letters')
export type JobId = z.infer<typeof JobId>

/** What an operation makes; it names the webhook's event type. */
export const JobKind = z.enum(['video', 'image', 'audio', 'text', 'model3d'])
export type JobKind = z.infer<typeof JobKind>

/** The door a job came in by: it decides how the job is shown, never how it is run. */
export const Door = z.enum(['videos', 'images', 'jobs'])
export type Door = z.infer<typeof Door>

/** One generated file that lies in the bucket, proven by count and hash of the bytes that went in. */
export const Output = z.object({
  index: z.int().min(0),
  key: z.string(),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  contentType: z.string(),
  /** Of the vendor, as text: larger than a number holds exactly. */
  seed: z.string().optional(),
})
export type Output = z.infer<typeof Output>

/** Money in the vendor's own unit: Runway counts credits, Runware US dollars. */
export const Cost = z.object({ amount: z.number(), unit: z.enum(['credits', 'usd']) })
export type Cost = z.infer<typeof Cost>

/** At most 16 pairs, keys to 64 and values to 512 characters: the limits of OpenAI's metadata. */
export const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'has more than 16 pairs')
export type Metadata = z.infer<typeof Metadata>
