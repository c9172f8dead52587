import { ProblemError } from '@genqueue/contract'

/** What the lines above a part say about it; a part with a filename, or of a binary type, is a file. */
export type PartHeader = {
  name: string
  filename: string | undefined
  contentType: string | undefined
  isFile: boolean
}

// Not `.`, which stops at the line separators of Unicode: those are ordinary characters here.
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*)$/
const PARAMETER = /[ \t]*;[ \t]*([\w-]+\*?)[ \t]*=[ \t]*(?:"((?:\\[^\r\n]|[^"\\])*)"|([^\s;"]*))/y
const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary'])
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Strict: a part that cannot be understood is refused, because a skipped one would be a parameter lost in silence. */
export function parsePartHeader(bytes: Uint8Array): PartHeader {
  const fields = parseFields(bytes)
  const encoding = fields.get('content-transfer-encoding')?.toLowerCase()
  if (encoding !== undefined && !PLAIN_ENCODINGS.has(encoding)) {
    throw invalidMultipart(`A part is encoded as ${encoding.slice(0, 40)}; send its bytes as they are`)
  }
  const parameters = parseDisposition(fields.get('content-disposition') ?? '')
  const name = parameters.get('name')
  if (name === undefined || name === '') throw invalidMultipart('A part of the form has no name')
  const filename = parameters.get('filename') ?? extendedValue(parameters.get('filename*'))
  const contentType = fields.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  const isFile =
    filename !== undefined || /^(?:(?:image|video|audio)\/|application\/octet-stream$)/.test(contentType ?? '')
  return { name, filename, contentType, isFile }
}

function parseFields(bytes: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of decode(bytes).split('\r\n')) {
    const [, name, value] = FIELD.exec(line) ?? []
    if (name === undefined || value === undefined) throw invalidMultipart("A line of a part's header is malformed")
    fields.set(name.toLowerCase(), value.trimEnd())
  }
  return fields
}

function parseDisposition(text: string): Map<string, string> {
  const parameters = new Map<string, string>()
  PARAMETER.lastIndex = /^form-data/i.exec(text)?.[0].length ?? -1
  if (PARAMETER.lastIndex < 0) throw invalidMultipart('A part has no Content-Disposition of form-data')
  for (let position = PARAMETER.lastIndex; position < text.length; position = PARAMETER.lastIndex) {
    const [, key, quoted, bare] = PARAMETER.exec(text) ?? []
    if (key === undefined) throw invalidMultipart('The Content-Disposition of a part is malformed')
    parameters.set(key.toLowerCase(), quoted === undefined ? (bare ?? '') : unquote(quoted))
  }
  return parameters
}

/** Browsers and fetch write a quote as %22, curl as \". */
function unquote(text: string): string {
  return text.replace(/\\(["\\])/g, '$1').replace(/%(?:22|0D|0A)/gi, decodeURIComponent)
}

/** `UTF-8''na%C3%AFve.png`, as some older clients write a name that is not ASCII. */
function extendedValue(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    return decodeURIComponent(text.replace(/^utf-8'[^']*'/i, ''))
  } catch {
    return text
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw invalidMultipart("A part's header is not valid UTF-8", cause)
  }
}

export function invalidMultipart(why: string, cause?: unknown): ProblemError {
  return new ProblemError('invalid_multipart', `${why}.`, { cause })
}
