import { ProblemError } from '@genqueue/contract'
import type { StoredInput } from '@genqueue/jobs'
import { BodyChunks } from './body-chunks.ts'
import { type InputStorage, IntakeInputs } from './intake-inputs.ts'
import type { IntakeLimits } from './intake-limits.ts'
import { readForm } from './read-form.ts'
import { readJson } from './read-json.ts'

export type ReadBodyOptions = {
  storage: InputStorage
  /** Where the n-th file of the request is to lie. */
  keyOf: (index: number, extension: string) => string
  limits: IntakeLimits
  signal?: AbortSignal
}

export type Intake = {
  /** Which of the two it came as: a form's numbers and booleans are text until `coerceForm`. */
  readonly encoding: 'json' | 'form'
  /** A plain JSON-like value; `{"$input": n}` stands where the n-th stored input belongs. */
  readonly value: Record<string, unknown>
  readonly inputs: readonly StoredInput[]
  /** Deletes what was stored; for whoever refuses the request after all. Never rejects. */
  discard(): Promise<void>
}

const JSON_TYPE = /^application\/(?:[\w.!#$&^-]+\+)?json$/

/**
 * Reads a request's body within the limits, files and long data URIs straight into storage. Throws a ProblemError when
 * the body is refused; nothing of it is left then.
 */
export async function readBody(request: Request, options: ReadBodyOptions): Promise<Intake> {
  const { limits, signal } = options
  const contentType = request.headers.get('content-type') ?? ''
  const encoding = encodingOf(contentType, request.headers.get('content-encoding'))
  const contentLength = lengthOf(request.headers.get('content-length'))
  const inputs = new IntakeInputs(options)
  const chunks = new BodyChunks(request, limits, signal)
  try {
    if (contentLength !== undefined && contentLength > limits.maxBodyBytes) {
      throw new ProblemError('body_too_large', `The body is larger than ${limits.maxBodyBytes} bytes.`)
    }
    const value =
      encoding === 'json'
        ? await readJson({ chunks, contentLength, inputs, limits })
        : await readForm({ chunks, contentType, inputs, limits })
    return { encoding, value, inputs: inputs.stored, discard: () => inputs.discard() }
  } catch (error) {
    chunks.drain()
    await inputs.discard()
    throw error
  } finally {
    chunks.close()
  }
}

export function encodingOf(contentType: string, contentEncoding: string | null): Intake['encoding'] {
  if (contentEncoding !== null && contentEncoding.toLowerCase() !== 'identity') {
    throw new ProblemError(
      'unsupported_media_type',
      'A compressed body is not taken; send it without Content-Encoding.',
    )
  }
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (JSON_TYPE.test(type)) return 'json'
  if (type === 'multipart/form-data') return 'form'
  const message =
    'Send the body as application/json (routes that take files: or multipart/form-data) and say so in the Content-Type header.'
  throw new ProblemError('unsupported_media_type', message)
}

export function lengthOf(header: string | null): number | undefined {
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined
}
