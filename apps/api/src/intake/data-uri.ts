import { ProblemError } from '@genqueue/contract'
import { Base64Decoder } from './base64-decoder.ts'

const MAX_HEADER_CHARS = 256
const TOKEN = '[\\w!#$&^.+-]+'
const DATA_URI = new RegExp(`^data:(?:${TOKEN}/${TOKEN})?[;,]`, 'i')
const HEADER = new RegExp(`^data:(${TOKEN}/${TOKEN})(?:;${TOKEN}=[^;,]*)*;base64$`, 'i')
const MEDIA = /^(?:image|video|audio)\//

/** Whether a text, of which at least the beginning is given, is a data URI rather than words that start with "data:". */
export function isDataUri(beginning: string): boolean {
  return DATA_URI.test(beginning.slice(0, MAX_HEADER_CHARS))
}

/** Turns the text of a data URI into its bytes, piece by piece; a fault is a ProblemError that names the parameter. */
export class DataUriDecoder {
  readonly #param: string
  readonly #maxChars: number
  readonly #base64 = new Base64Decoder()
  #chars = 0
  #header = ''
  #mediaType: string | undefined

  constructor(param: string, maxChars: number) {
    this.#param = param
    this.#maxChars = maxChars
  }

  /** As declared, in small letters; known with the first decoded byte. */
  get mediaType(): string | undefined {
    return this.#mediaType
  }

  async *decode(text: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of text) {
      const bytes = this.push(piece)
      if (bytes.byteLength > 0) yield bytes
    }
    const rest = this.end()
    if (rest.byteLength > 0) yield rest
  }

  push(piece: Uint8Array): Uint8Array {
    this.#chars += piece.byteLength
    if (this.#chars > this.#maxChars) {
      const message = `The data URI in ${this.#param} is longer than ${this.#maxChars} characters. Upload the file instead.`
      throw new ProblemError('data_uri_too_large', message, { param: this.#param })
    }
    const body = this.#mediaType === undefined ? this.#takeHeader(piece) : piece
    return this.#base64.push(body) ?? this.#refuse('holds something that is not base64')
  }

  end(): Uint8Array {
    if (this.#mediaType === undefined) this.#refuse('has no comma and so no data')
    return this.#base64.end() ?? this.#refuse('is cut off or wrongly padded: its base64 does not end well')
  }

  /** What follows the comma, if it is there already. */
  #takeHeader(piece: Uint8Array): Uint8Array {
    const comma = piece.indexOf(0x2c)
    const end = comma < 0 ? piece.byteLength : comma
    this.#header += String.fromCharCode(...piece.subarray(0, Math.min(end, MAX_HEADER_CHARS + 1)))
    if (this.#header.length > MAX_HEADER_CHARS) this.#refuse('has no comma near its beginning')
    if (comma < 0) return new Uint8Array()
    const mediaType = HEADER.exec(this.#header)?.[1]?.toLowerCase()
    if (mediaType === undefined) this.#refuse('must begin like data:image/png;base64, with a media type and base64')
    if (!MEDIA.test(mediaType)) this.#refuse(`is of type ${mediaType}; only images, video and audio are taken`)
    this.#mediaType = mediaType
    return piece.subarray(comma + 1)
  }

  #refuse(why: string): never {
    throw new ProblemError('invalid_input_reference', `The data URI in ${this.#param} ${why}.`, { param: this.#param })
  }
}
