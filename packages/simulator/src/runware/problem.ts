/** An error object as the provider sends it; any field besides the code may be missing. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly [field: string]: unknown
}

const MESSAGES: Readonly<Record<string, string>> = {
  conflictTaskUUID: 'A task with this taskUUID has already been submitted.',
  insufficientCredits: 'The account has not enough credits for this task.',
  invalidApiKey: 'The API key is not valid.',
  missingApiKey: 'No API key was given.',
  accountSuspended: 'The account has been suspended.',
  modelNotFound: 'There is no such model.',
  taskNotFound: 'There is no such task.',
  taskExpired: 'The result of the task is no longer kept.',
  mediaExpired: 'The media is no longer kept.',
  timeoutProvider: 'The model provider did not answer in time.',
  providerError: 'The model provider failed to make the output.',
  rateLimitExceeded: 'There were too many requests.',
  inferenceRateLimitExceeded: 'The queue of the model is full.',
  serviceUnavailable: 'The service is not available at the moment.',
  timeout: 'The task took longer than the request may last; it goes on.',
}

const STATUSES: Readonly<Record<string, number>> = {
  invalidApiKey: 401,
  missingApiKey: 401,
  tokenExpired: 401,
  accountSuspended: 403,
  insufficientCredits: 402,
  rateLimitExceeded: 429,
  inferenceRateLimitExceeded: 429,
  providerRateLimitExceeded: 429,
  modelNotFound: 404,
  notFound: 404,
  methodNotAllowed: 405,
  payloadTooLarge: 413,
  taskNotFound: 404,
  taskExpired: 404,
  internalServerError: 500,
  inferenceError: 500,
  providerError: 500,
  noAvailableServer: 503,
  serviceUnavailable: 503,
  providerUnavailable: 503,
  timeout: 504,
  timeoutProvider: 504,
  providerTimeout: 504,
}

export function problem(code: string, fields: object = {}): Problem {
  const words = code.replace(/([A-Z]+)/g, ' $1').toLowerCase()
  return {
    code,
    message: MESSAGES[code] ?? `The request was refused: ${words}.`,
    documentation: `https://runware.ai/docs/errors/${code}`,
    ...fields,
  }
}

/** The HTTP status that goes with an error when nothing else is in the answer. */
export function statusOf({ code }: Problem): number {
  return STATUSES[code] ?? 400
}
