import { invalidMultipart, type PartHeader, parsePartHeader } from './part-header.ts'

export type Part = PartHeader & { body: AsyncIterable<Uint8Array> }

const CRLF = Buffer.from('\r\n')
const END_OF_HEADER = Buffer.from('\r\n\r\n')
const MAX_HEADER_BYTES = 16_384

/**
 * The parts of a form one after another, each as a stream; nothing is read before somebody asks for it. A part must be
 * read to its end before the next is asked for. Written here because the parsers at hand skip a part that they cannot
 * understand and cut a header that is too long, both without a word.
 */
export class MultipartReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #delimiter: Buffer
  /** Begins with a line break, so that the first delimiter looks like every other. */
  #buffer: Buffer = CRLF
  #atMark = false

  constructor(chunks: AsyncIterator<Uint8Array>, boundary: string) {
    this.#chunks = chunks
    this.#delimiter = Buffer.from(`\r\n--${boundary}`)
  }

  async *parts(): AsyncGenerator<Part> {
    await this.#shortUntil(this.#delimiter)
    while (await this.#anotherPart()) {
      const header = parsePartHeader(await this.#shortUntil(END_OF_HEADER))
      const body = this.#until(this.#delimiter)
      yield { ...header, body }
      if (!this.#atMark) throw new Error('A part of a form was left before its end')
    }
    // The epilogue means nothing, but a sender that is not heard out does not hear the answer.
    while (await this.#more()) this.#buffer = Buffer.alloc(0)
  }

  /** Behind a delimiter stands a line break, or two dashes after the last part. */
  async #anotherPart(): Promise<boolean> {
    while (this.#buffer.byteLength < 2) if (!(await this.#more())) throw truncated()
    const isLast = this.#buffer.subarray(0, 2).equals(Buffer.from('--'))
    if (isLast) return false
    const padding = await this.#shortUntil(CRLF)
    if (!/^[ \t]*$/.test(padding.toString('latin1')))
      throw invalidMultipart('A boundary line goes on where it should end')
    return true
  }

  async #shortUntil(mark: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of this.#until(mark)) {
      pieces.push(piece)
      bytes += piece.byteLength
      if (bytes > MAX_HEADER_BYTES)
        throw invalidMultipart(`More than ${MAX_HEADER_BYTES} bytes stand outside of the parts`)
    }
    return Buffer.concat(pieces)
  }

  /** Everything before the mark; afterwards the buffer begins behind it. */
  async *#until(mark: Buffer): AsyncGenerator<Buffer> {
    for (this.#atMark = false; ; ) {
      const at = this.#buffer.indexOf(mark)
      // The mark may have begun at the end of the buffer.
      const end = at < 0 ? Math.max(0, this.#buffer.byteLength - mark.byteLength + 1) : at
      const piece = this.#buffer.subarray(0, end)
      this.#buffer = this.#buffer.subarray(at < 0 ? end : end + mark.byteLength)
      if (piece.byteLength > 0) yield piece
      this.#atMark = at >= 0
      if (this.#atMark) return
      if (!(await this.#more())) throw truncated()
    }
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done) return false
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    this.#buffer = this.#buffer.byteLength === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    return true
  }
}

function truncated() {
  return invalidMultipart('The form ends before its last boundary')
}
