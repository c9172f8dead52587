import { type ProblemCode, ProblemError } from '@genqueue/contract'
import type { z } from 'zod'

/** Parameters whose faults have a code of their own. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  model: 'invalid_model',
  operation: 'invalid_operation',
  size: 'invalid_size',
  seconds: 'invalid_seconds',
  input_reference: 'invalid_input_reference',
  image: 'invalid_input_reference',
  images: 'invalid_input_reference',
  mask: 'invalid_input_reference',
  reference_images: 'invalid_input_reference',
  webhook_url: 'invalid_url',
  url: 'invalid_url',
  idempotency_key: 'invalid_idempotency_key',
}

/** Parses what a caller sent; the first fault is told with its parameter and a sentence that says what would be right. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw issue ? problemOfIssue(issue, value) : new ProblemError('invalid_request', 'The request is not valid')
}

/** `references[0][uri]`: the caller's spelling in a form, and close enough in JSON. */
export function paramOf(path: readonly PropertyKey[]): string | undefined {
  const [first, ...rest] = path.map(String)
  return first === undefined ? undefined : first + rest.map((part) => `[${part}]`).join('')
}

function problemOfIssue(issue: z.core.$ZodIssue, value: unknown): ProblemError {
  if (issue.code === 'unrecognized_keys') {
    const param = paramOf([...issue.path, issue.keys[0] ?? ''])
    return new ProblemError('unknown_parameter', `${param} is not a parameter; leave it out`, { param })
  }
  const param = paramOf(issue.path)
  if (param === undefined) return new ProblemError('invalid_request', 'The body must be a JSON object')
  if (valueAt(value, issue.path) === undefined) {
    return new ProblemError('missing_parameter', `${param} is missing: ${expectation(issue)}`, { param })
  }
  return new ProblemError(CODES[String(issue.path[0])] ?? 'invalid_request', `${param} ${expectation(issue)}`, {
    param,
  })
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${NAMES[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`
    case 'too_big':
      return `must be at most ${issue.maximum}${unit(issue.origin, issue.maximum)}`
    case 'too_small':
      return `must be at least ${issue.minimum}${unit(issue.origin, issue.minimum)}`
    case 'custom':
      return issue.message
    default:
      return `is not valid: ${issue.message}`
  }
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
}

function unit(origin: string, count: number | bigint): string {
  const plural = Number(count) === 1 ? '' : 's'
  if (origin === 'string') return ` character${plural} long`
  return origin === 'array' ? ` item${plural} long` : ''
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return current
    current = (current as Record<PropertyKey, unknown>)[key] // any object may be read by key; the value is unknown
  }
  return current
}
