import { addAbortSignal, Readable } from 'node:stream'
import { abortedError } from './storage-error.ts'

/** A body whose failures are told in our words, and that ends when the signal aborts. */
export function guardedBody(body: Readable, explain: (error: unknown) => Error, signal?: AbortSignal): Readable {
  // Whoever reads is told through the iterator; without a listener a failure before that would end the process.
  body.on('error', () => undefined)
  if (signal !== undefined) addAbortSignal(signal, body)
  const chunks = async function* () {
    try {
      yield* body
    } catch (error) {
      throw signal?.aborted ? abortedError(signal) : explain(error)
    }
  }
  const guarded = Readable.from(chunks(), { objectMode: false })
  // A generator that never ran cannot clean up after itself.
  return guarded.once('close', () => body.destroy())
}
