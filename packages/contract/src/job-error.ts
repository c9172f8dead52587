import { z } from 'zod'

/**
 * Why a job ended without its outputs. `retryable` answers "can the same request, sent again, help?";
 * the sentence is for the caller and holds no vendor detail.
 */
export const JOB_ERRORS = {
  invalid_input: { retryable: false, message: 'The provider refused the request; correct it before sending it again.' },
  moderation: { retryable: false, message: 'The provider refused the content; change the prompt or the inputs.' },
  input_unavailable: { retryable: false, message: 'An input of the job could not be read or handed to the provider.' },
  provider_failed: { retryable: true, message: 'The provider failed to generate the output; a new job may succeed.' },
  provider_lost: { retryable: true, message: 'The provider no longer knows the task it accepted.' },
  provider_auth: { retryable: false, message: 'The provider refused the service its credentials for too long.' },
  provider_configuration: {
    retryable: false,
    message: 'The provider refused how this service is set up; its operator must act.',
  },
  quota_exceeded: { retryable: true, message: 'The provider account had no credits or daily quota left for too long.' },
  provider_unavailable: { retryable: true, message: 'The provider could not take the job before its queue deadline.' },
  submission_unknown: {
    retryable: true,
    message:
      'The provider may or may not have accepted the job, and it offers no way to find out; it was not sent twice.',
  },
  queue_timeout: { retryable: true, message: 'The job waited in the queue past its deadline.' },
  throttled_timeout: { retryable: true, message: 'The provider held the job back past its deadline.' },
  run_timeout: { retryable: true, message: 'The provider did not finish the job before its deadline.' },
  empty_output: { retryable: true, message: 'The provider reported success without any output.' },
  output_expired: { retryable: true, message: 'The output was gone at the provider before it could be copied.' },
  output_invalid: { retryable: true, message: 'The output of the provider was not the kind of file it should be.' },
  output_too_large: { retryable: false, message: 'The output is larger than this service stores.' },
  output_unavailable: { retryable: true, message: 'The output could not be fetched from the provider.' },
  storage_failed: { retryable: true, message: 'The output could not be written to the bucket.' },
  poisoned: { retryable: false, message: 'The job stopped its workers too many times and was taken out.' },
  canceled: { retryable: true, message: 'The job was canceled.' },
} as const satisfies Record<string, { retryable: boolean; message: string }>

export type JobErrorCode = keyof typeof JOB_ERRORS
export const JobErrorCode = z.enum(Object.keys(JOB_ERRORS) as [JobErrorCode, ...JobErrorCode[]]) // keys of a const object

export const JobError = z.object({
  code: JobErrorCode,
  message: z.string(),
  retryable: z.boolean(),
  /** The vendor's own code, for instance `SAFETY.INPUT.TEXT`. */
  providerCode: z.string().optional(),
  /** The vendor's own words, at most 500 characters. */
  providerMessage: z.string().optional(),
})
export type JobError = z.infer<typeof JobError>

/** Builds the error of a failed job; vendor text is cut to 500 characters. */
export function jobError(
  code: JobErrorCode,
  vendor: { code?: string | undefined; message?: string | undefined; retryable?: boolean } = {},
): JobError {
  const { message, retryable } = JOB_ERRORS[code]
  return {
    code,
    message,
    retryable: vendor.retryable ?? retryable,
    ...(vendor.code && { providerCode: vendor.code.slice(0, 200) }),
    ...(vendor.message && { providerMessage: vendor.message.slice(0, 500) }),
  }
}
