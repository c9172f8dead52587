import { S3Error } from './s3-error.ts'

const MAX_LINE_BYTES = 8 * 1024

/**
 * Takes the aws-chunked framing off a body: yields the data, and puts the trailing headers into `trailers`.
 * s3 clients wrap streams this way to send a checksum after the bytes.
 */
export async function* decodeAwsChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = new FrameReader(source)
  for (;;) {
    const line = await reader.line()
    if (!/^[\da-f]+$/i.test(line)) throw new S3Error('IncompleteBody', 'A chunk of the body has no size')
    let left = Number.parseInt(line, 16)
    if (left === 0) break
    while (left > 0) {
      const data = await reader.some(left)
      left -= data.length
      yield data
    }
    if ((await reader.line()) !== '') throw new S3Error('IncompleteBody', 'A chunk of the body is longer than its size')
  }
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined)
      throw new S3Error('MalformedTrailerError', 'A trailer cannot be read')
    trailers.set(name.toLowerCase(), value.trim())
  }
  if (!(await reader.ended())) throw new S3Error('IncompleteBody', 'Bytes follow the end of the body')
}

class FrameReader {
  #iterator: AsyncIterator<Buffer>
  #pending: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#iterator = source[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#pending.toString('latin1', 0, end)
        this.#pending = this.#pending.subarray(end + 2)
        return line
      }
      if (this.#pending.length > MAX_LINE_BYTES)
        throw new S3Error('IncompleteBody', 'A line of the framing is too long')
      await this.#more()
    }
  }

  async some(maxBytes: number): Promise<Buffer> {
    if (this.#pending.length === 0) await this.#more()
    const data = this.#pending.subarray(0, maxBytes)
    this.#pending = this.#pending.subarray(data.length)
    return data
  }

  async ended(): Promise<boolean> {
    return this.#pending.length === 0 && (await this.#iterator.next()).done === true
  }

  async #more(): Promise<void> {
    const next = await this.#iterator.next()
    if (next.done) throw new S3Error('IncompleteBody', 'The body ends before its last chunk')
    this.#pending = this.#pending.length === 0 ? next.value : Buffer.concat([this.#pending, next.value])
  }
}
