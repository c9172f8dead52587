import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { abortedError, StorageError } from './storage-error.ts'

export interface MeasuredSourceOptions {
  maxBytes: number
  allowEmpty?: boolean
  signal?: AbortSignal
}

/**
 * A caller's stream, counted and hashed while it flows. Ends only if the source ended well; any other end is a
 * StorageError. `stop()` ends it at once, also while the source is silent, and destroys the source.
 */
export class MeasuredSource {
  readonly #source: AsyncIterable<Uint8Array>
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #options: MeasuredSourceOptions
  readonly #hash = createHash('sha256')
  #bytes = 0
  #failure: StorageError | undefined
  #rejectPending: ((failure: StorageError) => void) | undefined
  readonly #stopped = new AbortController()
  readonly #onAbort = () => {
    if (this.#options.signal !== undefined) this.stop(abortedError(this.#options.signal))
  }

  constructor(source: AsyncIterable<Uint8Array>, options: MeasuredSourceOptions) {
    this.#source = source
    this.#iterator = source[Symbol.asyncIterator]()
    this.#options = options
    // Its failure reaches us through the iterator; a stream destroyed before it was read has no other listener.
    if (source instanceof Readable) source.on('error', () => undefined)
    if (options.signal?.aborted) this.#onAbort()
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Why it ended early: the first reason counts. */
  get failure(): StorageError | undefined {
    return this.#failure
  }

  /** Aborts when the source has ended early, so that work on its bytes can stop too. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
      this.#bytes += chunk.byteLength
      if (this.#bytes > this.#options.maxBytes) {
        throw this.stop(new StorageError('too_large', `The source holds more than ${this.#options.maxBytes} bytes`))
      }
      this.#hash.update(chunk)
      yield chunk
    }
    if (this.#bytes === 0 && this.#options.allowEmpty !== true) {
      throw this.stop(new StorageError('empty', 'The source holds no bytes'))
    }
  }

  /** Ends the transfer for this reason, or for the one it ended for already, which is returned. */
  stop(reason: StorageError): StorageError {
    if (this.#failure !== undefined) return this.#failure
    this.#failure = reason
    this.close()
    this.#rejectPending?.(reason)
    this.#stopped.abort(reason)
    return reason
  }

  /** Bytes and hash of all that flowed; callable once. */
  totals(): { bytes: number; sha256: string } {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** Lets go of signal and source. A stream is destroyed, because return() waits for a read that may never end. */
  close(): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#source instanceof Readable) this.#source.destroy()
    this.#iterator.return?.().catch(() => undefined)
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      // Not Promise.race with one long promise: each race would hold on to its chunk until the very end.
      const { done, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.#rejectPending = reject
        this.#iterator.next().then(resolve, reject)
      })
      if (done) return undefined
      if (!(value instanceof Uint8Array)) throw new TypeError(`The source gave a ${typeof value} instead of bytes`)
      return value
    } catch (cause) {
      throw this.stop(new StorageError('source_failed', 'The source broke off', { cause }))
    } finally {
      this.#rejectPending = undefined
    }
  }
}
