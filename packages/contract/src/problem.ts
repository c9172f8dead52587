/**
 * What can be wrong with a request: stable code → HTTP status and title. Doors render it in their own shape
 * (OpenAI's `{error}` or RFC 9457); the code is the same on all of them.
 */
export const PROBLEMS = {
  invalid_json: { status: 400, title: 'The body is not JSON' },
  json_too_deep: { status: 400, title: 'The JSON is nested too deeply' },
  invalid_multipart: { status: 400, title: 'The form cannot be read' },
  invalid_request: { status: 400, title: 'The request is not valid' },
  missing_parameter: { status: 400, title: 'A parameter is missing' },
  unknown_parameter: { status: 400, title: 'A parameter is not known' },
  invalid_model: { status: 400, title: 'The model is not valid' },
  invalid_operation: { status: 400, title: 'The operation is not valid' },
  invalid_size: { status: 400, title: 'The size is not valid' },
  invalid_seconds: { status: 400, title: 'The duration is not valid' },
  invalid_input_reference: { status: 400, title: 'The input reference is not valid' },
  invalid_url: { status: 400, title: 'The URL is not valid' },
  blocked_url: { status: 400, title: 'The URL points to an address that may not be called' },
  invalid_idempotency_key: { status: 400, title: 'The idempotency key is not valid' },
  not_supported: { status: 400, title: 'This is not supported' },
  unauthorized: { status: 401, title: 'The API key is missing or not valid' },
  forbidden: { status: 403, title: 'The API key may not do this' },
  not_found: { status: 404, title: 'Not found' },
  already_exists: { status: 409, title: 'It exists already' },
  in_use: { status: 409, title: 'It is still in use' },
  idempotency_in_flight: { status: 409, title: 'The request with this idempotency key is still under way' },
  endpoint_disabled: { status: 409, title: 'The webhook endpoint is disabled' },
  too_many_endpoints: { status: 409, title: 'The team has as many webhook endpoints as it may have' },
  encryption_unavailable: { status: 409, title: 'The service has no key to encrypt secrets with' },
  method_not_allowed: { status: 405, title: 'The method is not allowed' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  not_ready: { status: 409, title: 'The output is not ready' },
  job_not_completed: { status: 409, title: 'The job ended without an output' },
  revision_mismatch: { status: 412, title: 'Somebody else has changed it since' },
  output_gone: { status: 410, title: 'The output is gone' },
  body_too_large: { status: 413, title: 'The body is too large' },
  data_uri_too_large: { status: 413, title: 'The data URI is too large' },
  file_too_large: { status: 413, title: 'The file is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  range_not_satisfiable: { status: 416, title: 'The range is outside the file' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used with another body' },
  rate_limit_exceeded: { status: 429, title: 'Too many requests' },
  too_many_jobs: { status: 429, title: 'Too many jobs are under way' },
  daily_limit_reached: { status: 429, title: 'The limit of jobs a day is reached' },
  budget_exceeded: { status: 429, title: 'The budget is spent' },
  too_many_attempts: { status: 429, title: 'Too many failed attempts to authenticate' },
  image_timeout: { status: 504, title: 'The image was not there in time' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  storage_unavailable: { status: 503, title: 'The storage is not available' },
  unavailable: { status: 503, title: 'The service is not available' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof PROBLEMS

/** The only error whose text reaches a caller; everything else is a bare 500 and a log line. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  /** The parameter at fault, in the caller's own spelling: `size`, `input_reference[image_url]`. */
  readonly param: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    message: string,
    options: { param?: string | undefined; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.param = options.param
    this.headers = options.headers ?? {}
  }

  get status(): number {
    return PROBLEMS[this.code].status
  }
}
