import { ProblemError } from '@genqueue/contract'
import { isDataUri } from './data-uri.ts'
import type { IntakeLimits } from './intake-limits.ts'
import { formatPath } from './param-path.ts'
import { StringUnescaper } from './string-unescaper.ts'

export type ScannerOptions = {
  limits: Pick<IntakeLimits, 'maxJsonBytes' | 'inlineDataUriChars' | 'maxDepth'>
  /** Takes the text of a data URI away and gives the JSON that shall stand in its place. */
  divert: (text: AsyncIterable<Uint8Array>, param: string) => Promise<string>
}

/** `key` is where the last key's string lies in what was kept, quotes included. */
type Frame = { kind: 'array'; index: number } | { kind: 'object'; key: { start: number; end: number } | undefined }

const EMPTY = new Uint8Array()
const QUOTE_BYTES = Uint8Array.of(0x22)
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]

/**
 * Copies JSON through and takes long data URIs out of it while they arrive, so that memory holds `maxJsonBytes` and a
 * chunk however long they are. It knows strings and nesting; whether the rest is JSON, the parser says afterwards.
 */
export class JsonScanner {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #options: ScannerOptions
  readonly #kept: Buffer
  #length = 0
  #chunk: Uint8Array = EMPTY
  #position = 0
  readonly #frames: Frame[] = []
  #inString = false
  #escaped = false

  constructor(chunks: AsyncIterator<Uint8Array>, options: ScannerOptions) {
    this.#chunks = chunks
    this.#options = options
    this.#kept = Buffer.allocUnsafe(options.limits.maxJsonBytes)
  }

  /** The JSON that remains, as UTF-8. */
  async scan(): Promise<Buffer> {
    while (await this.#more()) {
      const from = this.#position
      this.#skipStructure()
      this.#keep(this.#chunk.subarray(from, this.#position))
      if (this.#position < this.#chunk.byteLength) await this.#scanString()
    }
    return this.#kept.subarray(0, this.#length)
  }

  /** Up to the next string or the end of the chunk. */
  #skipStructure(): void {
    for (; this.#position < this.#chunk.byteLength; this.#position++) {
      const byte = this.#chunk[this.#position]
      if (byte === QUOTE) return
      if (byte === OPEN_BRACE) this.#open({ kind: 'object', key: undefined })
      else if (byte === OPEN_BRACKET) this.#open({ kind: 'array', index: 0 })
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#frames.pop()
      else if (byte === COMMA) {
        const frame = this.#frames.at(-1)
        if (frame?.kind === 'array') frame.index++
        else if (frame !== undefined) frame.key = undefined
      }
    }
  }

  #open(frame: Frame): void {
    const { maxDepth } = this.#options.limits
    if (this.#frames.push(frame) > maxDepth) {
      throw new ProblemError('json_too_deep', `The JSON is nested deeper than ${maxDepth} levels.`)
    }
  }

  async #scanString(): Promise<void> {
    const start = this.#length
    const { inlineDataUriChars } = this.#options.limits
    const frame = this.#frames.at(-1)
    const isKey = frame?.kind === 'object' && frame.key === undefined
    // Only a value can be a data URI, and only once it is long.
    let mayBeDataUri = frame !== undefined && !isKey
    this.#position++
    this.#inString = true
    this.#keep(QUOTE_BYTES)
    while (this.#inString && (await this.#more())) {
      const room = start + 2 + inlineDataUriChars - this.#length
      this.#keep(this.#takeText(mayBeDataUri ? room : Number.POSITIVE_INFINITY))
      if (mayBeDataUri && this.#length - start - 1 > inlineDataUriChars) {
        if (await this.#divert(start)) return
        mayBeDataUri = false
      }
    }
    if (!this.#inString) this.#keep(QUOTE_BYTES)
    if (isKey) frame.key = { start, end: this.#length }
  }

  /** The string's next raw text in this chunk, without the closing quote, at which `#inString` turns false. */
  #takeText(maxBytes: number): Uint8Array {
    const from = this.#position
    const end = Math.min(this.#chunk.byteLength, from + maxBytes)
    let at = from
    for (; at < end; at++) {
      const byte = this.#chunk[at]
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) {
        this.#inString = false
        break
      }
    }
    this.#position = this.#inString ? at : at + 1
    return this.#chunk.subarray(from, at)
  }

  /** Hands the open string to `divert` if it is a data URI, and puts what stands for it in its place. */
  async #divert(start: number): Promise<boolean> {
    const unescaper = new StringUnescaper()
    const beginning = unescaper.push(this.#kept.subarray(start + 1, this.#length))
    if (!isDataUri(Buffer.from(beginning.subarray(0, 256)).toString('latin1'))) return false
    const replacement = await this.#options.divert(this.#text(beginning, unescaper), formatPath(this.#path()))
    this.#length = start
    this.#keep(Buffer.from(replacement))
    return true
  }

  async *#text(beginning: Uint8Array, unescaper: StringUnescaper): AsyncGenerator<Uint8Array> {
    yield beginning
    while (this.#inString) {
      if (!(await this.#more())) throw new ProblemError('invalid_json', 'The JSON ends inside a string.')
      const piece = unescaper.push(this.#takeText(Number.POSITIVE_INFINITY))
      if (piece.byteLength > 0) yield piece
    }
  }

  #path(): (string | number)[] {
    return this.#frames.map((frame) => {
      if (frame.kind === 'array') return frame.index
      if (frame.key === undefined) return '?'
      try {
        return String(JSON.parse(this.#kept.toString('utf8', frame.key.start, frame.key.end)))
      } catch {
        return '?'
      }
    })
  }

  #keep(piece: Uint8Array): void {
    if (this.#length + piece.byteLength > this.#kept.byteLength) {
      throw new ProblemError('body_too_large', `The JSON is larger than ${this.#kept.byteLength} bytes.`)
    }
    this.#kept.set(piece, this.#length)
    this.#length += piece.byteLength
  }

  /** Whether there is another byte, which may take the next chunk. */
  async #more(): Promise<boolean> {
    while (this.#position >= this.#chunk.byteLength) {
      const { done, value } = await this.#chunks.next()
      if (done) return false
      this.#chunk = value
      this.#position = 0
    }
    return true
  }
}
