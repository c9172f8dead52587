import { addAbortSignal, Readable } from 'node:stream'
import { abortedError } from './storage-error.ts'

/**
 * A body whose failures are told in our words, and that ends when the signal aborts. Passed on by events: an iterator
 * between the two would cost several promises a piece.
 */
export function guardedBody(body: Readable, explain: (error: unknown) => Error, signal?: AbortSignal): Readable {
  if (signal !== undefined) addAbortSignal(signal, body)
  const guarded = new Readable({
    read() {
      body.resume()
    },
    destroy(error, done) {
      body.destroy()
      done(error)
    },
  })
  // Whoever reads is told through the iterator; without a listener a failure before that would end the process.
  guarded.on('error', () => undefined)
  body.on('error', (error) => guarded.destroy(signal?.aborted ? abortedError(signal) : explain(error)))
  body.on('end', () => guarded.push(null))
  body.on('close', () => {
    if (!body.readableEnded) guarded.destroy(explain(new Error('The body was closed before its end')))
  })
  body.on('data', (piece: Buffer) => {
    if (!guarded.push(piece)) body.pause()
  })
  // Nothing is read before somebody asks.
  body.pause()
  return guarded
}
