import { jobError } from '@genqueue/contract'
import type { Dispatcher } from 'undici'
import type { HttpResult, OnRequest } from '../http-attempt.ts'
import type { Call, PreparedInput, StoredInput } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import type { RunwayClient } from './client.ts'
import { dataUriLength, toDataUri } from './data-uri.ts'
import { postToStorage } from './upload.ts'
import { readVendorError } from './vendor-error.ts'
import { readJson, UploadPlace } from './wire.ts'

/** An upload is kept for 24 h. Its task may stand in the vendor's own queue for half of that before it is read. */
const REUSABLE_MS = 10 * 3_600_000
/** The largest upload Runway takes. */
const MAX_UPLOAD_BYTES = 200 * 1024 * 1024

export type InputDeps = {
  client: RunwayClient
  /** For the storage that the vendor names: it must not lead inside. */
  guardedDispatcher: Dispatcher
  dataUriMaxBytes: number
  uploadTimeoutMs: number
  onRequest?: OnRequest
  now: () => number
}

/** A data URI while small enough, else an upload. A failed upload starts over, with a new place, when called again. */
export async function prepareInput(deps: InputDeps, input: StoredInput, call: Call): Promise<PreparedInput> {
  if (dataUriLength(input) <= deps.dataUriMaxBytes) return inline(input)
  if (input.bytes > MAX_UPLOAD_BYTES) return refused(`The file has ${input.bytes} bytes; at most ${MAX_UPLOAD_BYTES}`)
  const request = { filename: input.filename, type: 'ephemeral' }
  const { client, uploadTimeoutMs: timeoutMs } = deps
  const answer = await client({ op: 'upload', method: 'POST', path: '/v1/uploads', body: request, timeoutMs }, call)
  if (answer.kind === 'failed' || answer.status < 200 || answer.status >= 300) return placeRefused(answer, deps.now())
  const place = readJson(answer.text, UploadPlace)
  if (!place) return { kind: 'retry', detail: 'The answer to the upload names no place for the file' }
  const value = place.runwayUri ?? place.uri ?? (place.id && asRunwayUri(place.id))
  if (!value) return refused('The answer to the upload has no runwayUri', 'input_unavailable')
  const stored = await postToStorage({
    dispatcher: deps.guardedDispatcher,
    place,
    input,
    signal: call.signal,
    timeoutMs,
    onRequest: deps.onRequest,
  })
  if (stored.kind === 'answered' && stored.status >= 200 && stored.status < 300) {
    return { kind: 'ready', value, reusableMs: REUSABLE_MS }
  }
  if (stored.kind === 'answered' && isTooLarge(stored)) return refused('The file is too large for the upload')
  const detail = stored.kind === 'failed' ? stored.detail : `HTTP ${stored.status}`
  return { kind: 'retry', detail: `The storage of the upload: ${detail}` }
}

async function inline(input: StoredInput): Promise<PreparedInput> {
  try {
    const value = await toDataUri(input)
    return value ? { kind: 'ready', value } : { kind: 'retry', detail: 'The stored input is not as long as recorded' }
  } catch (error) {
    return {
      kind: 'retry',
      detail: `The stored input cannot be read: ${error instanceof Error ? error.name : 'unknown'}`,
    }
  }
}

/** The older dialect answers with the bare id. */
function asRunwayUri(id: string): string {
  return id.startsWith('runway://') ? id : `runway://${id}`
}

function placeRefused(answer: HttpResult, nowMs: number): PreparedInput {
  if (answer.kind === 'failed') return { kind: 'retry', detail: answer.detail }
  const { code, summary, message } = readVendorError(answer)
  const retryAfterMs = parseRetryAfter(answer.headers, nowMs)
  const isFileRefused = [400, 413, 415, 422].includes(answer.status) && !/not have enough credits/i.test(summary)
  if (isFileRefused) return { kind: 'refused', error: jobError('invalid_input', { code, message }) }
  return {
    kind: 'retry',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    detail: `HTTP ${answer.status}: ${message.slice(0, 500)}`,
  }
}

function refused(message: string, code: 'invalid_input' | 'input_unavailable' = 'invalid_input'): PreparedInput {
  return { kind: 'refused', error: jobError(code, { message }) }
}

function isTooLarge({ status, text }: { status: number; text: string }): boolean {
  return status === 413 || text.includes('EntityTooLarge')
}
