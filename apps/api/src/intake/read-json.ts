import { randomUUID } from 'node:crypto'
import { ProblemError } from '@genqueue/contract'
import type { InputPlace } from '@genqueue/providers'
import type { BodyChunks } from './body-chunks.ts'
import { checkValue } from './check-value.ts'
import type { IntakeInputs } from './intake-inputs.ts'
import type { IntakeLimits } from './intake-limits.ts'
import { JsonScanner } from './json-scanner.ts'

export type JsonBody = {
  chunks: BodyChunks
  contentLength: number | undefined
  inputs: IntakeInputs
  limits: IntakeLimits
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** A JSON object with its long data URIs in storage. A body that says it is small is parsed as a whole. */
export async function readJson({ chunks, contentLength, inputs, limits }: JsonBody): Promise<Record<string, unknown>> {
  const taken = new Map<string, InputPlace>()
  const divert = async (text: AsyncIterable<Uint8Array>, param: string) => {
    const place = await inputs.addDataUri(param, text)
    // Nobody can send this: it is made after what it replaces was read.
    const standIn = `data:taken/${randomUUID()},`
    taken.set(standIn, place)
    return JSON.stringify(standIn)
  }
  const isSmall = contentLength !== undefined && contentLength <= limits.maxJsonBytes
  const bytes = isSmall ? await chunks.whole() : await new JsonScanner(chunks, { limits, divert }).scan()
  if (bytes.byteLength > limits.maxJsonBytes) {
    throw new ProblemError('body_too_large', `The JSON is larger than ${limits.maxJsonBytes} bytes.`)
  }
  const value = parseObject(bytes)
  for (const { text, param, replace } of checkValue(value, limits)) {
    const place = taken.get(text)
    if (place !== undefined) replace(place)
    else if (text.length > limits.inlineDataUriChars) replace(await inputs.addDataUri(param, once(Buffer.from(text))))
    else inputs.checkInline(param, text)
  }
  return value
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.byteLength === 0) throw new ProblemError('invalid_json', 'The body is empty. Send a JSON object.')
  const value = parse(bytes)
  if (!isObject(value)) throw new ProblemError('invalid_request', 'The body must be a JSON object.')
  return value
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes))
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'cannot be parsed as JSON' : 'is not valid UTF-8'
    throw new ProblemError('invalid_json', `The body ${why}.`, { cause })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
