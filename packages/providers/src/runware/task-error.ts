import { type JobError, type JobErrorCode, jobError } from '@genqueue/contract'
import { type ErrorClass, errorClassOf } from './error-class.ts'
import type { Complaint } from './wire.ts'

const JOB_ERROR_OF: Readonly<Record<ErrorClass, JobErrorCode>> = {
  auth: 'provider_auth',
  quota: 'quota_exceeded',
  rate_limit: 'provider_unavailable',
  safety: 'moderation',
  provider: 'provider_failed',
  timeout: 'provider_failed',
  server: 'provider_failed',
  validation: 'invalid_input',
  conflict: 'provider_failed',
  task_unknown: 'provider_lost',
  task_canceled: 'provider_failed',
  unknown: 'provider_failed',
}

/** Why a task failed, as the caller is told. */
export function taskError(complaint: Complaint): JobError {
  const code = JOB_ERROR_OF[errorClassOf(complaint.code)]
  // What the safety check saw is for the operator, not for whoever wrote the prompt.
  return jobError(code, { code: complaint.code, message: code === 'moderation' ? undefined : complaintText(complaint) })
}

/** `message (parameter: width, height; allowed: 512, 1024)` */
export function complaintText({ code, message, parameter, allowedValues, min, max }: Complaint): string {
  const facts = [
    parameter && `parameter: ${parameter.join(', ')}`,
    allowedValues && `allowed: ${allowedValues.slice(0, 30).join(', ')}`,
    min !== undefined && `min: ${min}`,
    max !== undefined && `max: ${max}`,
  ].filter(Boolean)
  const said = message || code || 'No reason given'
  return facts.length > 0 ? `${said} (${facts.join('; ')})` : said
}
