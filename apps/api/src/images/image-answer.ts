import { ReadableStream } from 'node:stream/web'
import { type ImagesResponse, type Output, ProblemError } from '@genqueue/contract'
import { type JobRecord, jobResource, outputResource, outputsOf } from '@genqueue/jobs'
import type { ReadObject, Storage } from '@genqueue/storage'
import type { AppDeps } from '../app-deps.ts'
import { json, type Reply } from '../reply.ts'
import { jobHeaders } from './image-failure.ts'

type Deps = Pick<AppDeps, 'storage' | 'config' | 'publicUrl'>
type Bucket = Pick<Storage, 'get'>

/** The images of a succeeded job, as addresses that need no API key wherever the storage signs such. */
export async function imagesByUrl(job: JobRecord, deps: Deps): Promise<Reply> {
  const { storage, config, publicUrl } = deps
  const data = outputsOf(job).map(async (output) => {
    const { contentType, key } = output
    const filename = `${job.id}-${output.index}.${key.split('.').at(-1)}`
    const signed = await storage.presign(key, { expiresSeconds: config.presignSeconds, contentType, filename })
    return { url: signed ?? outputResource(job.id, output, publicUrl).url, ...aboutImage(output) }
  })
  const { created, ...rest } = aboutJob(job, publicUrl)
  return json(200, { created, data: await Promise.all(data), ...rest } satisfies ImagesResponse, jobHeaders(job))
}

/** What goes out at once: few steps a megabyte, and little memory a reader. A multiple of three. */
const CHUNK_BYTES = 196_608
/** A multiple of three too. */
const STRING_BYTES = 24_576

/** The images in the answer itself. They pass through in pieces, so their size costs no memory. */
export async function imagesInline(
  job: JobRecord,
  { storage, publicUrl }: { storage: Bucket; publicUrl: string },
  signal: AbortSignal,
): Promise<Reply> {
  const outputs = outputsOf(job)
  const [first] = outputs
  // Opened before the answer begins, so that files that are gone are told as an error.
  let object = first && (await open(storage, first, signal))
  const { created, ...rest } = aboutJob(job, publicUrl)
  async function* text(): AsyncGenerator<Buffer> {
    yield Buffer.from(`{"created":${created},"data":[`)
    for (const [position, output] of outputs.entries()) {
      yield Buffer.from(position === 0 ? '{"b64_json":"' : ',{"b64_json":"')
      object ??= await open(storage, output, signal)
      yield* base64Of(object.body)
      object = undefined
      yield Buffer.from(`",${JSON.stringify(aboutImage(output)).slice(1)}`)
    }
    yield Buffer.from(`],${JSON.stringify(rest).slice(1)}`)
  }
  const body = streamOf(text(), () => object?.body.destroy())
  return { status: 200, headers: { 'content-type': 'application/json', ...jobHeaders(job) }, body }
}

/** Takes the next chunk only when the last one is on its way. */
function streamOf(chunks: AsyncGenerator<Buffer>, onLeave: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      // A chunk that is being waited for ends with its source.
      async cancel() {
        onLeave()
        await chunks.return(undefined).catch(() => undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

async function open(storage: Bucket, { key }: Output, signal: AbortSignal): Promise<ReadObject> {
  const object = await storage.get(key, { signal })
  if (object) return object
  throw new ProblemError('output_gone', 'The file has been deleted from the bucket')
}

/** Three bytes are four characters, so a chunk that is not the last one holds a multiple of three. */
async function* base64Of(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of source) {
    pieces.push(piece)
    bytes += piece.byteLength
    if (bytes < CHUNK_BYTES) continue
    const gathered = joined(pieces)
    const whole = bytes - (bytes % 3)
    bytes -= whole
    pieces = bytes === 0 ? [] : [gathered.subarray(whole)]
    yield encoded(gathered.subarray(0, whole))
  }
  if (bytes > 0) yield encoded(joined(pieces))
}

/** By way of short strings: V8 gives a long one pages of its own, which costs six times as much as the encoding. */
function encoded(bytes: Buffer): Buffer {
  const text = Buffer.allocUnsafe(Math.ceil(bytes.byteLength / 3) * 4)
  let at = 0
  for (let start = 0; start < bytes.byteLength; start += STRING_BYTES) {
    at += text.write(bytes.toString('base64', start, start + STRING_BYTES), at, 'latin1')
  }
  return text
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
}

function aboutImage({ seed, sha256 }: Output) {
  return { ...(seed !== undefined && { seed }), sha256 }
}

function aboutJob(job: JobRecord, publicUrl: string) {
  const { id, created_at, outputs, cost, failures, metadata } = jobResource(job, publicUrl)
  const { size } = job.request.display
  const [, format] = /^image\/(\w+)/.exec(outputs[0]?.content_type ?? '') ?? []
  return {
    created: created_at,
    ...(format !== undefined && { output_format: format }),
    ...(size !== undefined && { size }),
    id,
    cost,
    failures,
    outputs,
    metadata,
  }
}
