import { PROBLEMS, ProblemError } from '@genqueue/contract'
import { StorageError } from '@genqueue/storage'
import { isRedisAway } from './redis.ts'
import { json, type Reply } from './reply.ts'

/** In whose words a route answers. */
export type ErrorShape = 'openai' | 'problem'

/** What a caller is told about anything that was thrown; only a ProblemError speaks for itself. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof StorageError && error.code === 'aborted') {
    return new ProblemError('invalid_request', 'The request ended before its answer', { cause: error })
  }
  if (error instanceof StorageError && error.code !== 'invalid_key') {
    return new ProblemError('storage_unavailable', 'The storage did not answer well; try again', { cause: error })
  }
  if (isRedisAway(error)) return new ProblemError('unavailable', 'Try again in a second', { cause: error })
  return new ProblemError('internal_error', 'Something went wrong on our side', { cause: error })
}

export function problemReply(problem: ProblemError, shape: ErrorShape, requestId: string): Reply {
  const { status, code, message, param = null } = problem
  const headers = { ...retryHeaders(status), ...problem.headers }
  if (shape === 'openai') return json(status, { error: { message, type: openaiType(status), param, code } }, headers)
  const { title } = PROBLEMS[code]
  const body = { type: 'about:blank', title, status, detail: message, code, param, request_id: requestId }
  return json(status, body, { ...headers, 'content-type': 'application/problem+json' })
}

function retryHeaders(status: number): Record<string, string> {
  // The openai SDKs send a 409 again unless told not to.
  if (status === 409) return { 'x-should-retry': 'false' }
  if (status === 503) return { 'retry-after': '1' }
  return {}
}

/** OpenAI's word for a kind of error. */
export function openaiType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
