import type { Dispatcher } from 'undici'
import type { OnRequest } from '../http-attempt.ts'
import type { CancelOutcome, Provider } from '../provider.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { createRunwayClient } from './client.ts'
import { createOutcome } from './create-outcome.ts'
import { limitsOutcome } from './limits-outcome.ts'
import { endpointOf } from './operations.ts'
import { pollOutcome } from './poll-outcome.ts'
import { type InputDeps, prepareInput } from './prepare-input.ts'

/** In characters of the encoded data URI; the vendor's own figure for every kind of media. */
const DATA_URI_MAX_BYTES = 5 * 1024 * 1024

export type RunwayOptions = {
  baseUrl: string
  dispatcher: Dispatcher
  /** For addresses that the vendor names, such as the storage of an upload. */
  guardedDispatcher: Dispatcher
  dataUriMaxBytes?: number
  submitTimeoutMs: number
  /** For a look and for a cancel. */
  pollTimeoutMs: number
  /** For each of the two legs of an upload. */
  uploadTimeoutMs: number
  onRequest?: OnRequest
  now?: () => number
}

export function createRunwayProvider(options: RunwayOptions): Provider {
  const { submitTimeoutMs, pollTimeoutMs, now = Date.now } = options
  const client = createRunwayClient(options)
  const inputs: InputDeps = { ...options, client, now, dataUriMaxBytes: options.dataUriMaxBytes ?? DATA_URI_MAX_BYTES }
  return {
    name: 'runway',
    async submit({ operation, body }, call) {
      const path = endpointOf(operation)
      return createOutcome(
        await client({ op: 'submit', method: 'POST', path, body, timeoutMs: submitTimeoutMs }, call),
        now(),
      )
    },
    async poll(taskId, call) {
      const path = taskPath(taskId)
      return pollOutcome(await client({ op: 'poll', method: 'GET', path, timeoutMs: pollTimeoutMs }, call), now())
    },
    async cancel(taskId, call): Promise<CancelOutcome> {
      const answer = await client(
        { op: 'cancel', method: 'DELETE', path: taskPath(taskId), timeoutMs: pollTimeoutMs },
        call,
      )
      if (answer.kind === 'failed') return { kind: 'retry', detail: answer.detail }
      const { status, headers } = answer
      if ((status >= 200 && status < 300) || status === 404) return { kind: 'gone' }
      const retryAfterMs = parseRetryAfter(headers, now())
      return { kind: 'retry', ...(retryAfterMs !== undefined && { retryAfterMs }), detail: `HTTP ${status}` }
    },
    prepareInput: (input, call) => prepareInput(inputs, input, call),
    async limits(call) {
      return limitsOutcome(
        await client({ op: 'limits', method: 'GET', path: '/v1/organization', timeoutMs: pollTimeoutMs }, call),
      )
    },
  }
}

function taskPath(taskId: string): string {
  return `/v1/tasks/${encodeURIComponent(taskId)}`
}
