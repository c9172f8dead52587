import { ProblemError } from '@genqueue/contract'
import type { BodyChunks } from './body-chunks.ts'
import { checkText } from './check-value.ts'
import { isDataUri } from './data-uri.ts'
import { type FormLeaf, parseFieldName, setFormValue } from './form-value.ts'
import type { IntakeInputs } from './intake-inputs.ts'
import type { IntakeLimits } from './intake-limits.ts'
import { MultipartReader, type Part } from './multipart-reader.ts'
import { invalidMultipart } from './part-header.ts'

export type FormBody = { chunks: BodyChunks; contentType: string; inputs: IntakeInputs; limits: IntakeLimits }

const BOUNDARY = /;[ \t]*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))[ \t]*(?:;|$)/i
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** A form as nested values: text as it came, files and long data URIs in storage. */
export async function readForm({ chunks, contentType, inputs, limits }: FormBody): Promise<Record<string, unknown>> {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) throw invalidMultipart('The Content-Type names no boundary')
  const form = {}
  const texts = new FormTexts(inputs, limits)
  let partCount = 0
  for await (const part of new MultipartReader(chunks, boundary).parts()) {
    if (++partCount > limits.maxKeys) throw invalidMultipart(`The form has more than ${limits.maxKeys} parts`)
    const path = parseFieldName(part.name, limits.maxDepth)
    const param = part.name.slice(0, 200)
    const leaf = part.isFile ? await inputs.addFile(param, fileOf(part)) : await texts.read(param, part)
    setFormValue(form, path, leaf, part.name)
  }
  return form
}

function fileOf({ contentType, filename, body }: Part) {
  return { contentType, filename: filename ?? '', body }
}

/** The text parts of one form, which share a budget. */
class FormTexts {
  readonly #inputs: IntakeInputs
  readonly #limits: IntakeLimits
  #bytesLeft: number

  constructor(inputs: IntakeInputs, limits: IntakeLimits) {
    this.#inputs = inputs
    this.#limits = limits
    this.#bytesLeft = limits.maxJsonBytes
  }

  async read(param: string, { name, body }: Part): Promise<FormLeaf> {
    const { inlineDataUriChars } = this.#limits
    const iterator = body[Symbol.asyncIterator]()
    const pieces: Uint8Array[] = []
    let bytes = 0
    this.#spend(Buffer.byteLength(name))
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const wasShort = bytes <= inlineDataUriChars
      pieces.push(next.value)
      bytes += next.value.byteLength
      if (wasShort && bytes > inlineDataUriChars && isDataUri(beginningOf(pieces))) {
        return this.#inputs.addDataUri(param, joined(pieces, iterator))
      }
      this.#spend(next.value.byteLength)
    }
    const text = decode(Buffer.concat(pieces), param)
    if (isDataUri(text)) this.#inputs.checkInline(param, text)
    else checkText(text, () => param, this.#limits)
    return text
  }

  #spend(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft >= 0) return
    throw new ProblemError('body_too_large', `The form holds more than ${this.#limits.maxJsonBytes} bytes of text.`)
  }
}

function beginningOf(pieces: readonly Uint8Array[]): string {
  return Buffer.concat(pieces).toString('latin1', 0, 256)
}

async function* joined(pieces: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces
  yield* { [Symbol.asyncIterator]: () => rest }
}

function decode(bytes: Uint8Array, param: string): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new ProblemError('invalid_multipart', `The text of ${param} is not valid UTF-8.`, { param, cause })
  }
}
