import { ProblemError } from '@genqueue/contract'
import type { IntakeLimits } from './intake-limits.ts'

type BodyLimits = Pick<IntakeLimits, 'idleTimeoutMs' | 'totalTimeoutMs' | 'maxBodyBytes'>
type Pending = { reject: (problem: ProblemError) => void; timer: NodeJS.Timeout }

const MAX_DRAIN_BYTES = 67_108_864

/** A request's body, chunk by chunk; every way of not arriving is a ProblemError. */
export class BodyChunks implements AsyncIterator<Uint8Array, undefined> {
  readonly #request: Request
  readonly #limits: BodyLimits
  readonly #signal: AbortSignal | undefined
  readonly #deadlineMs: number
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #bytes = 0
  #pending: Pending | undefined

  constructor(request: Request, limits: BodyLimits, signal?: AbortSignal) {
    this.#request = request
    this.#limits = limits
    this.#signal = signal
    this.#deadlineMs = performance.now() + limits.totalTimeoutMs
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#reader ??= this.#request.body?.getReader()
    const reader = this.#reader
    if (reader === undefined) return { done: true, value: undefined }
    const { done, value } = await this.#inTime(() => reader.read())
    if (done) return { done, value: undefined }
    this.#bytes += value.byteLength
    if (this.#bytes > this.#limits.maxBodyBytes) {
      throw new ProblemError('body_too_large', `The body is larger than ${this.#limits.maxBodyBytes} bytes.`)
    }
    return { done: false, value }
  }

  /** The whole body at once; for callers who know that it is small. */
  async whole(): Promise<Uint8Array> {
    return new Uint8Array(await this.#inTime(() => this.#request.arrayBuffer()))
  }

  /** Lets go of the signal; to be called at every end. */
  close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  /**
   * Swallows, in the background, what a refused sender still has to send, so that it comes to reading the answer;
   * after that, or beyond a bound, the stream is given up.
   */
  drain(): void {
    void this.#drain().catch(() => undefined)
  }

  async #drain(): Promise<void> {
    const reader = this.#reader
    if (reader === undefined) return
    const timer = setTimeout(() => void reader.cancel().catch(() => undefined), this.#limits.idleTimeoutMs)
    timer.unref()
    try {
      for (let bytes = 0; bytes <= MAX_DRAIN_BYTES; ) {
        const { done, value } = await reader.read()
        if (done) return
        bytes += value.byteLength
      }
      await reader.cancel()
    } finally {
      clearTimeout(timer)
    }
  }

  // Not Promise.race with one long promise: each race would hold on to its chunk until the very end.
  async #inTime<T>(read: () => Promise<T>): Promise<T> {
    if (this.#signal?.aborted) throw abandoned(this.#signal.reason)
    const waitMs = Math.min(this.#limits.idleTimeoutMs, this.#deadlineMs - performance.now())
    try {
      return await new Promise<T>((resolve, reject) => {
        const timer = setTimeout(() => reject(tooSlow()), waitMs)
        this.#pending = { reject, timer }
        read().then(resolve, (cause) => reject(abandoned(cause)))
      })
    } finally {
      clearTimeout(this.#pending?.timer)
      this.#pending = undefined
    }
  }

  readonly #onAbort = () => this.#pending?.reject(abandoned(this.#signal?.reason))
}

function tooSlow(): ProblemError {
  return new ProblemError('request_timeout', 'The body did not arrive in time. Send it again over a faster connection.')
}

function abandoned(cause: unknown): ProblemError {
  return new ProblemError('invalid_request', 'The request ended before its body had arrived whole.', { cause })
}
