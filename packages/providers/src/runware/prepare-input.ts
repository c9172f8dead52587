import { jobError } from '@genqueue/contract'
import type { HttpResult } from '../http-attempt.ts'
import type { Call, PreparedInput, StoredInput } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { dataUriLength, toDataUri } from '../runway/data-uri.ts'
import type { RunwareClient } from './client.ts'
import { errorClassOf } from './error-class.ts'
import { complaintText, taskError } from './task-error.ts'
import { complaintOf } from './task-state.ts'
import { sendUpload } from './upload.ts'
import { readEnvelope } from './wire.ts'

/** Images are kept for thirty days after their last use; for other media no time is told. */
const REUSABLE_IMAGE_MS = 20 * 86_400_000
const REUSABLE_MEDIA_MS = 86_400_000

export type InputDeps = {
  client: RunwareClient
  dataUriMaxBytes: number
  uploadTimeoutMs: number
  now: () => number
}

/** A small image goes into the body as a data URI; everything else is uploaded and goes by its UUID. */
export async function prepareInput(deps: InputDeps, input: StoredInput, call: Call): Promise<PreparedInput> {
  if (input.contentType.startsWith('image/') && dataUriLength(input) <= deps.dataUriMaxBytes) return inline(input)
  const { taskUUID, result } = await sendUpload(deps.client, { input, timeoutMs: deps.uploadTimeoutMs }, call)
  const reusableMs = input.contentType.startsWith('image/') ? REUSABLE_IMAGE_MS : REUSABLE_MEDIA_MS
  const outcome = uploadOutcome(result, taskUUID, deps.now())
  return outcome.kind === 'ready' ? { ...outcome, reusableMs } : outcome
}

async function inline(input: StoredInput): Promise<PreparedInput> {
  try {
    const value = await toDataUri(input)
    return value ? { kind: 'ready', value } : { kind: 'retry', detail: 'The stored input is not as long as recorded' }
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown'
    return { kind: 'retry', detail: `The stored input cannot be read: ${name}` }
  }
}

function uploadOutcome(result: HttpResult, taskUUID: string, nowMs: number): PreparedInput {
  if (result.kind === 'failed') return { kind: 'retry', detail: result.detail }
  const envelope = readEnvelope(result.text)
  const mine = envelope?.results.find((one) => one.taskUUID === taskUUID)
  const value = [mine?.imageUUID, mine?.mediaUUID].find((id) => typeof id === 'string' && id !== '')
  if (typeof value === 'string') return { kind: 'ready', value }
  const complaint =
    envelope?.complaints.find((one) => one.taskUUID === undefined || one.taskUUID === taskUUID) ??
    (mine?.error && complaintOf(mine))
  const kind = errorClassOf(complaint?.code)
  if (complaint && (kind === 'validation' || kind === 'safety')) return { kind: 'refused', error: taskError(complaint) }
  const text = complaint ? complaintText(complaint) : `HTTP ${result.status}`
  if (!complaint && [400, 413, 415, 422].includes(result.status)) {
    return { kind: 'refused', error: jobError('invalid_input', { message: text }) }
  }
  const retryAfterMs = parseRetryAfter(result.headers, nowMs)
  const detail = `The upload of an input: ${text.slice(0, 500)}`
  return { kind: 'retry', ...(retryAfterMs !== undefined && { retryAfterMs }), detail }
}
