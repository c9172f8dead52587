import { gzipSync } from 'node:zlib'
import type { Exchange } from '../exchange.ts'
import { trickle } from '../reply.ts'
import { type ByteRange, coversAll, parseRange } from './byte-range.ts'
import type { DownloadStep } from './download-step.ts'

export interface ServedFile {
  readonly bytes: Buffer
  readonly contentType: string
  readonly etag: string
}

const FILLER = Buffer.alloc(64 * 1024, 0x20)
const MAX_REMEMBERED_FILES = 1000

/** Sends files with ranges, and in the ways a download can go wrong. */
export class Delivery {
  /** Ranges sent so far of files fetched piece by piece. */
  readonly #ranges = new Map<string, ByteRange[]>()
  #etags = 0

  /** Calls `whole` once every byte of the file has gone out, in one answer or in pieces. */
  send(exchange: Exchange, file: ServedFile, step: DownloadStep, whole: () => void): void {
    const { request, response, entry } = exchange
    const etag = step.mode === 'etag' ? this.#nextEtag() : file.etag
    const ranged = step.mode !== 'no_range' && step.mode !== 'chunked' && step.mode !== 'gzip'
    const stale = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag
    const { bytes } = file
    const range = ranged && !stale ? parseRange(request.headers.range, bytes.length) : undefined
    response.setHeader('content-type', step.contentType ?? file.contentType)
    response.setHeader('etag', etag)
    if (ranged) response.setHeader('accept-ranges', 'bytes')
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}`, 'content-length': 0 })
      response.end()
      return
    }
    response.statusCode = range ? 206 : 200
    if (range) response.setHeader('content-range', `bytes ${range.first}-${range.last}/${bytes.length}`)
    const body = range ? bytes.subarray(range.first, range.last + 1) : bytes
    if (request.method === 'HEAD') {
      response.setHeader('content-length', body.length)
      response.end()
      return
    }
    const done = (): void => {
      if (!range || this.#completes(file, range)) whole()
    }
    const half = Math.floor(body.length / 2)
    switch (step.mode) {
      case 'zero':
        response.setHeader('content-length', 0)
        response.end()
        break
      case 'truncated':
        response.setHeader('content-length', body.length)
        entry.fate = 'cut'
        entry.status = response.statusCode
        response.write(body.subarray(0, half), () => request.socket.destroy())
        break
      case 'stall':
        response.setHeader('content-length', body.length)
        entry.fate = 'hung'
        entry.status = response.statusCode
        response.write(body.subarray(0, half))
        break
      case 'huge':
        sendFiller(exchange, step.bytes ?? Number.POSITIVE_INFINITY)
        break
      case 'gzip':
        response.setHeader('content-encoding', 'gzip')
        response.once('finish', done)
        response.end(gzipSync(body))
        break
      case 'chunked':
        response.once('finish', done)
        response.write(body.subarray(0, half))
        response.end(body.subarray(half))
        break
      case 'slow':
        response.setHeader('content-length', body.length)
        response.once('finish', done)
        trickle(exchange, body, step.bytesPerSecond ?? 10_000)
        break
      default:
        response.setHeader('content-length', body.length)
        response.once('finish', done)
        response.end(body)
    }
  }

  #nextEtag(): string {
    this.#etags += 1
    return `"changed-${this.#etags}"`
  }

  #completes(file: ServedFile, range: ByteRange): boolean {
    const ranges = [...(this.#ranges.get(file.etag) ?? []), range]
    if (coversAll(ranges, file.bytes.length)) {
      this.#ranges.delete(file.etag)
      return true
    }
    if (this.#ranges.size >= MAX_REMEMBERED_FILES) this.#ranges.clear()
    this.#ranges.set(file.etag, ranges)
    return false
  }
}

/** Blanks without a Content-Length, as fast as the client takes them. */
function sendFiller({ response }: Exchange, bytes: number): void {
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      if (response.destroyed) return
      const piece = left < FILLER.length ? FILLER.subarray(0, left) : FILLER
      left -= piece.length
      if (!response.write(piece)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}
