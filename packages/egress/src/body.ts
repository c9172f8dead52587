import { EgressError } from './egress-error.ts'

/** Passes the body on and fails with `too_large` at the first byte beyond the cap; the source is closed either way. */
export async function* limitBytes(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes)
      throw new EgressError('too_large', `The body is longer than ${maxBytes} bytes`, { written: true })
    yield chunk
  }
}

/** The first `maxBytes` of a body. What lies beyond is never read: the socket is destroyed with the stream. */
export async function readCapped(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.byteLength
    if (bytes > maxBytes) break
  }
  return Buffer.concat(chunks).subarray(0, maxBytes)
}
