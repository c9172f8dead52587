import { ProblemError } from '@genqueue/contract'
import { BodyChunks } from './intake/body-chunks.ts'
import { checkText, checkValue } from './intake/check-value.ts'
import type { IntakeLimits } from './intake/intake-limits.ts'
import { encodingOf, lengthOf } from './intake/read-body.ts'
import { parseObject } from './intake/read-json.ts'

const TOTAL_TIMEOUT_MS = 30_000

/** The JSON object of a request that carries no media, held to every limit of the intake; for what is not a job. */
export async function readJsonBody(request: Request, limits: IntakeLimits): Promise<Record<string, unknown>> {
  const { headers, signal } = request
  if (encodingOf(headers.get('content-type') ?? '', headers.get('content-encoding')) !== 'json') {
    throw new ProblemError('unsupported_media_type', 'Send the body as application/json')
  }
  const { maxJsonBytes } = limits
  const own = { ...limits, maxBodyBytes: maxJsonBytes, totalTimeoutMs: TOTAL_TIMEOUT_MS }
  const chunks = new BodyChunks(request, own, signal)
  try {
    const value = parseObject(await bytesOf(chunks, lengthOf(headers.get('content-length')), maxJsonBytes))
    for (const { text, param } of checkValue(value, limits)) checkText(text, () => param, limits)
    return value
  } catch (error) {
    chunks.drain()
    throw error
  } finally {
    chunks.close()
  }
}

async function bytesOf(chunks: BodyChunks, length: number | undefined, maxBytes: number): Promise<Uint8Array> {
  if (length !== undefined && length > maxBytes) {
    throw new ProblemError('body_too_large', `The body is larger than ${maxBytes} bytes.`)
  }
  if (length !== undefined) return chunks.whole()
  const pieces: Uint8Array[] = []
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) pieces.push(next.value)
  return Buffer.concat(pieces)
}
