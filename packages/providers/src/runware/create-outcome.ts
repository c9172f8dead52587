import { jobError } from '@genqueue/contract'
import type { HttpResult } from '../http-attempt.ts'
import type { SubmitOutcome, WaitOutcome } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { type ErrorClass, errorClassOf } from './error-class.ts'
import { complaintText, taskError } from './task-error.ts'
import { complaintOf, taskState } from './task-state.ts'
import { type Complaint, readEnvelope } from './wire.ts'

const RATE_LIMIT_REST_MS = 10_000

export type CreateContext = {
  taskUUID: string
  /** Whether the answer should bring the result, and how many of them. */
  waits: boolean
  results: number | undefined
  nowMs: number
}

type Answered = Extract<HttpResult, { kind: 'answered' }>

/**
 * What one create means. Certain are an answer about our task and a refusal; all else, 5xx included, is unknown and
 * settled by the same create again, which tells `conflictTaskUUID` when the first one was accepted.
 */
export function createOutcome(result: HttpResult, context: CreateContext): WaitOutcome {
  if (result.kind === 'failed') {
    if (result.sent) return { kind: 'unknown', detail: result.detail }
    return { kind: 'not_accepted', reason: 'unavailable', rests: 'nothing', detail: result.detail }
  }
  const { status, text } = result
  const envelope = readEnvelope(text)
  if (!envelope) return withoutEnvelope(result, context)
  const { taskUUID } = context
  const results = envelope.results.filter((one) => one.taskUUID === taskUUID)
  const complaints = envelope.complaints.filter(
    (one) => one.taskUUID === taskUUID || (one.taskUUID === undefined && results.length === 0),
  )
  const accepted: SubmitOutcome = { kind: 'accepted', taskId: taskUUID }
  if (complaints.some(({ code }) => errorClassOf(code) === 'conflict')) return accepted

  const state = taskState({ results, complaints }, { results: context.results })
  const refused = results.filter((one) => one.error || /^(error|failed)$/i.test(one.status ?? '')).map(complaintOf)
  const [complaint] = [...complaints, ...refused]
  if (complaint && refused.length === results.length) return refusal(result, complaint, context)
  if (results.length > 0) {
    const isOver = state.kind === 'succeeded' || state.kind === 'failed' || state.kind === 'canceled'
    return context.waits && isOver ? { kind: 'finished', taskId: taskUUID, end: state } : accepted
  }
  if (status >= 200 && status < 300 && /"data"\s*:\s*\[\s*\]/.test(text)) return accepted
  return withoutEnvelope(result, context)
}

/** An answer that says nothing about our task, so that only its HTTP status counts. */
function withoutEnvelope(answer: Answered, context: CreateContext): SubmitOutcome {
  const { status, headers } = answer
  const said = /^\s*[<{[]/.test(answer.text) ? '' : answer.text.slice(0, 300).trim()
  if (status >= 400 && status < 500 && status !== 408) {
    return refusal(answer, { message: said || `HTTP ${status}` }, context)
  }
  const retryAfterMs = parseRetryAfter(headers, context.nowMs)
  return { kind: 'unknown', detail: `HTTP ${status}`, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

const CLASS_OF_STATUS: Readonly<Record<number, ErrorClass>> = {
  401: 'auth',
  402: 'quota',
  403: 'auth',
  429: 'rate_limit',
}

function refusal(answer: Answered, complaint: Complaint, { nowMs }: CreateContext): SubmitOutcome {
  const { status, headers } = answer
  const named = errorClassOf(complaint.code)
  const kind = named === 'unknown' ? (CLASS_OF_STATUS[status] ?? named) : named
  const asked = parseRetryAfter(headers, nowMs)
  const rest = asked === undefined ? {} : { retryAfterMs: asked }
  const detail = `HTTP ${status}: ${[complaint.code, complaintText(complaint)].filter(Boolean).join(': ').slice(0, 500)}`
  switch (kind) {
    case 'auth': {
      // A bare 403 is about what the account may do: other models may still go with this key.
      const rests = named === 'unknown' && status === 403 ? 'key_and_model' : 'key'
      return { kind: 'not_accepted', reason: 'auth', rests, ...rest, detail }
    }
    case 'quota': {
      // A partner whose account is empty says nothing about the other models.
      const rests = /^provider/i.test(complaint.code ?? '') ? 'key_and_model' : 'key'
      return { kind: 'not_accepted', reason: 'quota', rests, ...rest, detail }
    }
    case 'rate_limit': {
      const retryAfterMs = asked ?? RATE_LIMIT_REST_MS
      return { kind: 'not_accepted', reason: 'rate_limited', rests: 'key_and_model', retryAfterMs, detail }
    }
    case 'validation': {
      const inputsGone = complaint.code === 'mediaExpired' && { inputsGone: true as const }
      return { kind: 'refused', error: taskError(complaint), ...inputsGone }
    }
    case 'safety':
      return { kind: 'refused', error: taskError(complaint) }
    default:
      break
  }
  // A 5xx may have made the task, whatever it says about it.
  if (status >= 500 || status === 408) return { kind: 'unknown', detail, ...rest }
  if (kind === 'unknown' && status >= 400) {
    const vendor = { code: complaint.code, message: complaintText(complaint) }
    return { kind: 'refused', error: jobError('invalid_input', vendor) }
  }
  return { kind: 'refused', error: taskError(complaint) }
}
