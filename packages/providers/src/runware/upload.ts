import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { HttpResult } from '../http-attempt.ts'
import type { Call, StoredInput } from '../provider.ts'
import { dataUriLength } from '../runway/data-uri.ts'
import type { RunwareClient } from './client.ts'

/** Sends a file as the data URI of one task, encoded while it is read: memory does not grow with it. */
export async function sendUpload(
  client: RunwareClient,
  { input, timeoutMs }: { input: StoredInput; timeoutMs: number },
  call: Call,
): Promise<{ taskUUID: string; result: HttpResult }> {
  const taskUUID = randomUUID()
  const task = input.contentType.startsWith('image/')
    ? { taskType: 'imageUpload', taskUUID }
    : { taskType: 'mediaStorage', taskUUID, operation: 'upload' }
  const field = task.taskType === 'imageUpload' ? 'image' : 'media'
  const head = `[${JSON.stringify(task).slice(0, -1)},"${field}":"data:${input.contentType};base64,`
  const tail = '"}]'
  const bytes = Buffer.byteLength(head) + Buffer.byteLength(tail) + encodedLength(input)
  const stream = Readable.from(framed(head, input, tail), { objectMode: false })
  // undici destroys the body of a failed request with the error after it has stopped listening.
  stream.on('error', () => {})
  try {
    return { taskUUID, result: await client({ op: 'upload', body: { stream, bytes }, timeoutMs }, call) }
  } finally {
    stream.destroy()
  }
}

function encodedLength(input: StoredInput): number {
  return dataUriLength(input) - `data:${input.contentType};base64,`.length
}

async function* framed(head: string, input: StoredInput, tail: string): AsyncGenerator<Buffer> {
  yield Buffer.from(head)
  // Base64 turns three bytes into four characters; what is left of a chunk goes with the next one.
  let rest: Uint8Array = Buffer.alloc(0)
  for await (const chunk of await input.open()) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const whole = bytes.length - (bytes.length % 3)
    if (whole > 0) yield encode(bytes.subarray(0, whole))
    rest = bytes.subarray(whole)
  }
  if (rest.length > 0) yield encode(rest)
  yield Buffer.from(tail)
}

function encode(bytes: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'))
}
