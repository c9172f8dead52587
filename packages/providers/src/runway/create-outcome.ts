import { jobError } from '@genqueue/contract'
import type { HttpResult } from '../http-attempt.ts'
import type { SubmitOutcome } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { readVendorError } from './vendor-error.ts'
import { readJson, TaskCreated } from './wire.ts'

const DAILY_LIMIT_REST_MS = 5 * 60_000
const RATE_LIMIT_REST_MS = 30_000

/**
 * What one create means. Certain is only a task id, a 4xx, and a request that never left; everything else may have
 * made a task that is charged: Runway has no idempotency key and no list of tasks.
 */
export function createOutcome(result: HttpResult, nowMs: number): SubmitOutcome {
  if (result.kind === 'failed') {
    if (result.sent) return { kind: 'unknown', detail: result.detail }
    return { kind: 'not_accepted', reason: 'unavailable', rests: 'nothing', detail: result.detail }
  }
  const { status } = result
  if (status >= 200 && status < 300) {
    const created = readJson(result.text, TaskCreated)
    if (!created) return { kind: 'unknown', detail: `HTTP ${status} without a task id` }
    const { id, estimatedCost } = created
    return { kind: 'accepted', taskId: id, ...(estimatedCost && { estimatedCost }) }
  }
  if (status < 400 || status === 408 || status >= 500) return { kind: 'unknown', detail: `HTTP ${status}` }
  return refusal(result, nowMs)
}

function refusal(answer: HttpResult & { kind: 'answered' }, nowMs: number): SubmitOutcome {
  const { status, headers } = answer
  const { code, summary, message } = readVendorError(answer)
  const detail = `HTTP ${status}: ${message.slice(0, 500)}`
  const asked = parseRetryAfter(headers, nowMs)
  const rest = asked === undefined ? {} : { retryAfterMs: asked }
  if (status === 429) {
    const retryAfterMs = asked ?? (/daily/i.test(summary) ? DAILY_LIMIT_REST_MS : RATE_LIMIT_REST_MS)
    return { kind: 'not_accepted', reason: 'rate_limited', rests: 'key_and_model', retryAfterMs, detail }
  }
  if (status === 401) return { kind: 'not_accepted', reason: 'auth', rests: 'key', ...rest, detail }
  // About what this account may do: another key may, and other models may still go with this one.
  if (status === 403) return { kind: 'not_accepted', reason: 'auth', rests: 'key_and_model', ...rest, detail }
  // The text is the only sign: a refused input and an empty account are both a 400.
  if (status === 402 || /not have enough credits/i.test(summary)) {
    return { kind: 'not_accepted', reason: 'quota', rests: 'key', ...rest, detail }
  }
  if (/on-behalf-of/i.test(summary))
    return { kind: 'refused', error: jobError('provider_configuration', { code, message }) }
  // An upload may be forgotten before its time; a caller's own address that gives nothing is told in the same words.
  const inputsGone = /failed to fetch asset/i.test(message) && { inputsGone: true as const }
  return { kind: 'refused', error: jobError('invalid_input', { code, message }), ...inputsGone }
}
