import { Readable } from 'node:stream'
import { type ImagesResponse, type Output, ProblemError } from '@genqueue/contract'
import { type JobRecord, jobResource, outputResource, outputsOf } from '@genqueue/jobs'
import type { ReadObject, Storage } from '@genqueue/storage'
import type { AppDeps } from './app-deps.ts'
import { jobHeaders } from './image-failure.ts'
import { json, type Reply } from './reply.ts'

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

/** The images in the answer itself. They pass through in pieces, so their size costs no memory. */
export async function imagesInline(
  job: JobRecord,
  { storage, publicUrl }: { storage: Bucket; publicUrl: string },
  signal: AbortSignal,
): Promise<Reply> {
  const outputs = outputsOf(job)
  const [first] = outputs
  // Opened before the answer begins, so that files that are gone are told as an error.
  const object = first && (await open(storage, first, signal))
  const { created, ...rest } = aboutJob(job, publicUrl)
  async function* text(): AsyncGenerator<Buffer> {
    yield Buffer.from(`{"created":${created},"data":[`)
    for (const [position, output] of outputs.entries()) {
      yield Buffer.from(position === 0 ? '{"b64_json":"' : ',{"b64_json":"')
      const { body } = position === 0 && object ? object : await open(storage, output, signal)
      yield* base64Of(body)
      yield Buffer.from(`",${JSON.stringify(aboutImage(output)).slice(1)}`)
    }
    yield Buffer.from(`],${JSON.stringify(rest).slice(1)}`)
  }
  const body = Readable.toWeb(Readable.from(text(), { objectMode: false, highWaterMark: 65_536 }))
  return { status: 200, headers: { 'content-type': 'application/json', ...jobHeaders(job) }, body }
}

async function open(storage: Bucket, { key }: Output, signal: AbortSignal): Promise<ReadObject> {
  const object = await storage.get(key, { signal })
  if (object) return object
  throw new ProblemError('output_gone', 'The file has been deleted from the bucket')
}

/** Three bytes are four characters: what is left of a piece waits for the next. */
async function* base64Of(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0)
  for await (const piece of source) {
    const bytes = rest.byteLength === 0 ? piece : Buffer.concat([rest, piece])
    const whole = bytes.byteLength - (bytes.byteLength % 3)
    rest = Buffer.from(bytes.subarray(whole))
    if (whole > 0) yield Buffer.from(bytes.toString('base64', 0, whole), 'latin1')
  }
  if (rest.byteLength > 0) yield Buffer.from(rest.toString('base64'), 'latin1')
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
