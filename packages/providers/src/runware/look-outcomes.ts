import type { HttpResult } from '../http-attempt.ts'
import type { PollOutcome, TaskLook } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { errorClassOf } from './error-class.ts'
import { complaintText } from './task-error.ts'
import { taskState } from './task-state.ts'
import { type Complaint, type Envelope, type Remembered, readDetails, readEnvelope } from './wire.ts'

type LookError = Extract<PollOutcome, { kind: 'error' }>
/** `silent`: not a word about the task, as for one that is just queued or long forgotten; `forgotten`: said so. */
type Seen = PollOutcome | { kind: 'silent' } | { kind: 'forgotten' }

/** What one answer to `getResponse` says about each of the tasks that were asked for. */
export function lookOutcomes(result: HttpResult, looks: readonly TaskLook[], nowMs: number): Map<string, Seen> {
  const envelope = result.kind === 'answered' ? readEnvelope(result.text) : undefined
  if (result.kind === 'failed' || !envelope) {
    const error = failedLook(result, nowMs)
    return new Map(looks.map(({ taskId }) => [taskId, error]))
  }
  const told = looks.map((look) => ({ look, about: aboutTask(envelope, look.taskId) }))
  const unmentioned = told.filter(({ about }) => about.results.length === 0 && about.complaints.length === 0)
  const strays = envelope.complaints.filter(({ taskUUID }) => taskUUID === undefined)
  const silence = silenceOf(result, strays, unmentioned.length, nowMs)
  return new Map(
    told.map(({ look, about }) => {
      if (about.results.length > 0) return [look.taskId, taskState(about, look)]
      if (about.complaints.length > 0) return [look.taskId, complained(result, about.complaints, look, nowMs)]
      return [look.taskId, 'complaints' in silence ? complained(result, silence.complaints, look, nowMs) : silence]
    }),
  )
}

/** What one answer to `getTaskDetails` says about each of the tasks: their end, or that nobody knows them. */
export function detailOutcomes(
  result: HttpResult,
  looks: readonly TaskLook[],
  nowMs: number,
): Map<string, PollOutcome> {
  const envelope = result.kind === 'answered' ? readEnvelope(result.text) : undefined
  const remembered = result.kind === 'answered' ? readDetails(result.text) : []
  return new Map(
    looks.map((look) => {
      const found = remembered.find(
        ({ taskUUID }) => taskUUID === look.taskId || (taskUUID === undefined && looks.length === 1),
      )
      if (found) return [look.taskId, rememberedOutcome(found, look)]
      if (result.kind === 'failed' || !envelope) return [look.taskId, failedLook(result, nowMs)]
      const about = envelope.complaints.filter(({ taskUUID }) => taskUUID === undefined || taskUUID === look.taskId)
      return [look.taskId, lookErrorOf(result, about, nowMs) ?? notFound(result, nowMs)]
    }),
  )
}

function rememberedOutcome({ response, results }: Remembered, { taskId, ...look }: TaskLook): PollOutcome {
  if (!response) return { kind: 'waiting', phase: 'queued', upstreamStatus: 'accepted' }
  const own = ({ taskUUID }: { taskUUID?: string | undefined }) => taskUUID === undefined || taskUUID === taskId
  const about = { results: response.results.filter(own), complaints: response.complaints.filter(own) }
  return taskState(about, { ...look, ...(results !== undefined && { results }) })
}

function aboutTask({ results, complaints }: Envelope, taskId: string): Envelope {
  const isOwn = ({ taskUUID }: { taskUUID?: string | undefined }) => taskUUID === taskId
  return { results: results.filter(isOwn), complaints: complaints.filter(isOwn) }
}

/** What holds for tasks that the answer does not mention. */
function silenceOf(
  answer: Extract<HttpResult, { kind: 'answered' }>,
  strays: Complaint[],
  unmentioned: number,
  nowMs: number,
): LookError | { kind: 'silent' | 'forgotten' } | { complaints: Complaint[] } {
  const error = lookErrorOf(answer, strays, nowMs)
  if (error) return error
  if (strays.length > 0) {
    // It is about one of them, and must not end the others.
    if (unmentioned > 1) return { kind: 'error', reason: 'protocol', detail: 'An error that names no task' }
    return { complaints: strays }
  }
  if (answer.status >= 200 && answer.status < 300) return { kind: 'silent' }
  return answer.status === 404 ? { kind: 'forgotten' } : failedLook(answer, nowMs)
}

function complained(
  answer: Extract<HttpResult, { kind: 'answered' }>,
  complaints: Complaint[],
  look: TaskLook,
  nowMs: number,
): Seen {
  if (complaints.some(({ code }) => errorClassOf(code) === 'task_unknown')) return { kind: 'forgotten' }
  return lookErrorOf(answer, complaints, nowMs) ?? taskState({ results: [], complaints }, look)
}

/** The complaint that is about our asking, not about the task: it says nothing about how the task stands. */
function lookErrorOf(
  answer: Extract<HttpResult, { kind: 'answered' }>,
  complaints: readonly Complaint[],
  nowMs: number,
): LookError | undefined {
  for (const complaint of complaints) {
    const isStray = complaint.taskUUID === undefined
    const reason = reasonOf(answer.status, complaint, isStray)
    if (reason) {
      const detail = `HTTP ${answer.status}: ${complaintText(complaint).slice(0, 500)}`
      return { kind: 'error', reason, ...restOf(answer, nowMs), detail }
    }
  }
  return undefined
}

/** Undefined where the complaint is about the task. A failed request must never pass for a failed task. */
function reasonOf(http: number, { code, status }: Complaint, isStray: boolean): LookError['reason'] | undefined {
  const kind = errorClassOf(code)
  if (kind === 'auth') return 'auth'
  if (!isStray && /^(error|failed)$/i.test(status ?? '')) return undefined
  if (kind === 'safety' || kind === 'validation' || kind === 'task_unknown' || kind === 'task_canceled')
    return undefined
  if (isStray && kind === 'rate_limit') return 'rate_limited'
  if (isStray && (kind === 'quota' || kind === 'server')) return 'unavailable'
  return http < 300 || http === 400 || http === 404 ? undefined : reasonOfStatus(http)
}

function notFound(answer: Extract<HttpResult, { kind: 'answered' }>, nowMs: number): PollOutcome {
  const isAnswer = answer.status < 300 || answer.status === 400 || answer.status === 404
  return isAnswer ? { kind: 'missing' } : failedLook(answer, nowMs)
}

/** A look that brought nothing that can be read. */
function failedLook(result: HttpResult, nowMs: number): LookError {
  if (result.kind === 'failed') return { kind: 'error', reason: 'unavailable', detail: result.detail }
  const { status } = result
  return { kind: 'error', reason: reasonOfStatus(status), ...restOf(result, nowMs), detail: `HTTP ${status}` }
}

function reasonOfStatus(status: number): LookError['reason'] {
  if (status === 401 || status === 403) return 'auth'
  if (status === 429) return 'rate_limited'
  return status >= 500 || status === 408 ? 'unavailable' : 'protocol'
}

function restOf(answer: Extract<HttpResult, { kind: 'answered' }>, nowMs: number) {
  const retryAfterMs = parseRetryAfter(answer.headers, nowMs)
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}
