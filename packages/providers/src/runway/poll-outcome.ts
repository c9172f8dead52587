import { type JobErrorCode, jobError } from '@genqueue/contract'
import type { HttpResult } from '../http-attempt.ts'
import type { PollOutcome } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { readVendorError } from './vendor-error.ts'
import { readJson, Task } from './wire.ts'

/** What one look at a task means; a look that failed says nothing about the task. */
export function pollOutcome(result: HttpResult, nowMs: number): PollOutcome {
  if (result.kind === 'failed') return { kind: 'error', reason: 'unavailable', detail: result.detail }
  const { status, headers, text } = result
  if (status === 200) {
    const task = readJson(text, Task)
    return task ? taskOutcome(task) : { kind: 'error', reason: 'protocol', detail: 'HTTP 200 without a task' }
  }
  if (status === 404) return { kind: 'missing' }
  const retryAfterMs = parseRetryAfter(headers, nowMs)
  const detail = `HTTP ${status}: ${readVendorError(result).message.slice(0, 500)}`
  return { kind: 'error', reason: reasonOf(status), ...(retryAfterMs !== undefined && { retryAfterMs }), detail }
}

function reasonOf(status: number) {
  if (status === 401 || status === 403) return 'auth'
  if (status === 429) return 'rate_limited'
  return status >= 500 || status === 408 ? 'unavailable' : 'protocol'
}

const PHASES: ReadonlyMap<string, 'queued' | 'throttled' | 'running'> = new Map([
  ['PENDING', 'queued'],
  ['QUEUED', 'queued'],
  ['THROTTLED', 'throttled'],
  ['RUNNING', 'running'],
  ['PROCESSING', 'running'],
  ['IN_PROGRESS', 'running'],
])

/** Both dialects, any case. A status nobody knows is waiting, in the phase with the longer clock. */
export function taskOutcome(task: Task): PollOutcome {
  const upstreamStatus = task.status.slice(0, 64)
  const cost = task.cost && { cost: task.cost }
  const status = task.status.trim().toUpperCase()
  if (status === 'SUCCEEDED') {
    const urls = (task.output ?? []).filter((url): url is string => typeof url === 'string' && url.trim() !== '')
    if (urls.length > 0) return { kind: 'succeeded', upstreamStatus, urls, ...cost }
    return { kind: 'failed', upstreamStatus, error: jobError('empty_output'), ...cost }
  }
  if (status === 'FAILED') return { kind: 'failed', upstreamStatus, error: failureOf(task), ...cost }
  if (status === 'CANCELLED' || status === 'CANCELED') return { kind: 'canceled', upstreamStatus, ...cost }
  const { progress, estimatedCost } = task
  return {
    kind: 'waiting',
    phase: PHASES.get(status) ?? 'queued',
    upstreamStatus,
    ...(progress !== undefined && { progress: fraction(progress) }),
    ...(estimatedCost && { estimatedCost }),
  }
}

/** Above 1 it can only be a percentage. */
function fraction(progress: number): number {
  return Math.min(Math.max(progress > 1 ? progress / 100 : progress, 0), 1)
}

/** First match wins. The set of codes is open: what is not listed counts as a fault of the vendor's own. */
const FAILURES: readonly { pattern: RegExp; code: JobErrorCode }[] = [
  // Also behind a prefix (INPUT_PREPROCESSING.SAFETY.TEXT): repeating refused content can suspend the account.
  { pattern: /(^|\.)(SAFETY|MODERATION)(\.|$)/, code: 'moderation' },
  { pattern: /^ASSET(\.|$)/, code: 'invalid_input' },
  { pattern: /^(INTERNAL|INPUT_PREPROCESSING\.INTERNAL|THIRD_PARTY)(\.|$)/, code: 'provider_failed' },
]

function failureOf({ failure, failureCode, code }: Task) {
  const vendorCode = failureCode ?? code
  const match = FAILURES.find(({ pattern }) => pattern.test(vendorCode?.toUpperCase() ?? ''))
  const errorCode = match?.code ?? 'provider_failed'
  // What the safety check saw is for the operator, not for whoever wrote the prompt.
  return jobError(errorCode, { code: vendorCode, message: errorCode === 'moderation' ? undefined : failure })
}
