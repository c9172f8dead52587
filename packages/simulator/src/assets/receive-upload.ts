import { createHash } from 'node:crypto'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import type { Exchange } from '../exchange.ts'
import { isReply, sendReply } from '../reply.ts'
import type { Upload } from '../runway/uploads.ts'

const MIN_BYTES = 512
const MAX_BYTES = 200 * 1024 * 1024

/** Takes a multipart form: the fields that were handed out, then the file as its last part. */
export async function receiveUpload(exchange: Exchange, upload: Upload): Promise<void> {
  const { request, clock } = exchange
  if (upload.storageReply && isReply(upload.storageReply)) {
    request.resume()
    sendReply(exchange, upload.storageReply, { status: 204, body: undefined })
    return
  }
  const received = await readForm(exchange)
  if (exchange.response.destroyed) return
  const problem = problemWith(received, upload)
  if (problem) {
    const body = `<Error><Code>${problem}</Code></Error>`
    sendReply(exchange, { http: 400, contentType: 'application/xml', body }, { status: 400, body })
    return
  }
  if (received) upload.stored = { atMs: clock.now(), sizeBytes: received.sizeBytes, sha256: received.sha256 }
  sendReply(exchange, {}, { status: 204, body: undefined })
}

interface ReceivedForm {
  readonly fields: ReadonlyMap<string, string>
  readonly sizeBytes: number
  readonly sha256: string
  readonly isFileLast: boolean
}

function problemWith(form: ReceivedForm | undefined, upload: Upload): string | undefined {
  if (!form) return 'MalformedPOSTRequest'
  for (const [name, value] of Object.entries(upload.fields)) if (form.fields.get(name) !== value) return 'AccessDenied'
  if (!form.isFileLast) return 'InvalidArgument'
  if (form.sizeBytes < MIN_BYTES) return 'EntityTooSmall'
  return form.sizeBytes > MAX_BYTES ? 'EntityTooLarge' : undefined
}

/** Streams the form through, keeping its fields and the size and digest of its file; undefined when it is no form. */
function readForm({ request }: Exchange): Promise<ReceivedForm | undefined> {
  const contentType = request.headers['content-type']
  if (!contentType?.startsWith('multipart/form-data')) {
    request.resume()
    return Promise.resolve(undefined)
  }
  return new Promise((resolve) => {
    const headers: BusboyHeaders = { ...request.headers, 'content-type': contentType }
    const form = new Busboy({ headers, limits: { fileSize: MAX_BYTES + 1 } })
    const fields = new Map<string, string>()
    const digest = createHash('sha256')
    let sizeBytes = 0
    let hasFile = false
    let isFileLast = true
    form.on('field', (name, value) => {
      fields.set(name, value)
      if (hasFile) isFileLast = false
    })
    form.on('file', (_name, stream) => {
      hasFile = true
      stream.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length
        digest.update(chunk)
      })
    })
    form.once('finish', () =>
      resolve(hasFile ? { fields, sizeBytes, sha256: digest.digest('hex'), isFileLast } : undefined),
    )
    form.once('error', () => resolve(undefined))
    request.once('close', () => resolve(undefined))
    request.pipe(form)
  })
}
