import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { attemptHttp, type HttpResult, type OnRequest } from '../http-attempt.ts'
import type { Call, StoredInput } from '../provider.ts'
import type { UploadPlace } from './wire.ts'

const MAX_RESPONSE_BYTES = 64 * 1024

/**
 * Posts the file as a form to the storage the vendor named: the fields in the given order, the file last, streamed
 * under a known length. The vendor's key stays away from it.
 */
export async function postToStorage(options: {
  dispatcher: Dispatcher
  place: UploadPlace
  input: StoredInput
  signal: Call['signal']
  timeoutMs: number
  onRequest?: OnRequest | undefined
}): Promise<HttpResult> {
  const { dispatcher, place, input, signal, timeoutMs, onRequest } = options
  const boundary = `genqueue-${randomUUID()}`
  const head = Buffer.from(formHead(place.fields, input, boundary))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const body = Readable.from(withFrame(head, input, tail), { objectMode: false })
  // undici destroys the body of a failed request with the error after it has stopped listening.
  body.on('error', () => {})
  try {
    return await attemptHttp({
      dispatcher,
      method: 'POST',
      url: new URL(place.uploadUrl),
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': String(head.length + input.bytes + tail.length),
        'user-agent': 'genqueue',
      },
      body,
      signal,
      timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      op: 'upload',
      onRequest,
    })
  } finally {
    body.destroy()
  }
}

async function* withFrame(head: Buffer, input: StoredInput, tail: Buffer): AsyncGenerator<Uint8Array> {
  yield head
  yield* await input.open()
  yield tail
}

function formHead(fields: UploadPlace['fields'], input: StoredInput, boundary: string): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"\r\n\r\n${value}\r\n`,
  )
  const file = `Content-Disposition: form-data; name="file"; filename="${quoted(input.filename)}"`
  return `${parts.join('')}--${boundary}\r\n${file}\r\nContent-Type: ${input.contentType}\r\n\r\n`
}

/** As browsers do it: the three characters that would end the header or its value. */
function quoted(text: string): string {
  return text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}
