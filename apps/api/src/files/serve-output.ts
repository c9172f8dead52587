import { Readable } from 'node:stream'
import { isTerminal, type Output, ProblemError } from '@genqueue/contract'
import { type JobRecord, outputsOf } from '@genqueue/jobs'
import type { ByteRange } from '@genqueue/storage'
import type { AppDeps } from '../app-deps.ts'
import type { Reply } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'

export const CONTENT_ANSWERS: Route['answers'] = {
  200: { description: 'The file', content: 'application/octet-stream' },
  206: { description: 'The asked part of the file', content: 'application/octet-stream' },
  302: { description: 'Where the file can be had, for a while' },
  409: { description: 'Not ready yet, or the job ended without it' },
  410: { description: 'The file has been deleted from the bucket' },
  416: { description: 'The range is outside the file' },
}

/** A generated file of the job. */
export async function serveOutput(
  c: ApiContext,
  deps: AppDeps,
  job: JobRecord,
  choose: () => Output | undefined,
): Promise<Reply> {
  const output = outputOf(job, choose)
  const filename = `${job.id}-${output.index}.${output.key.split('.').at(-1)}`
  return serveObject(c, deps, { ...output, filename })
}

type Served = Pick<Output, 'key' | 'bytes' | 'sha256' | 'contentType'> & { filename: string }

/**
 * A file of ours: a redirect to the bucket where it can sign one, otherwise the bytes, whole or one range of them.
 * HEAD is answered here in any case, because a signed URL is good for GET alone.
 */
export async function serveObject(c: ApiContext, { storage, config }: AppDeps, output: Served): Promise<Reply> {
  const { filename } = output
  const gone = new ProblemError('output_gone', 'The file has been deleted from the bucket')
  const isHead = c.req.method === 'HEAD'
  const location = isHead
    ? undefined
    : await storage.presign(output.key, {
        expiresSeconds: config.presignSeconds,
        contentType: output.contentType,
        filename,
      })
  if (isHead || location !== undefined) {
    if (!(await storage.head(output.key))) throw gone
    if (location !== undefined) return { status: 302, headers: { location } }
  }
  const headers = {
    'content-type': output.contentType,
    'content-disposition': `attachment; filename="${asciiOf(filename)}"`,
    'accept-ranges': 'bytes',
    etag: `"${output.sha256}"`,
  }
  const { headers: asked } = c.req.raw
  if (asked.get('if-none-match')?.includes(headers.etag)) return { status: 304, headers }
  if (isHead) return { status: 200, headers: { ...headers, 'content-length': String(output.bytes) } }

  const ifRange = asked.get('if-range')
  const range = ifRange === null || ifRange === headers.etag ? rangeOf(asked.get('range'), output.bytes) : undefined
  const object = await storage.get(output.key, { ...(range && { range }), signal: c.req.raw.signal })
  if (!object) throw gone
  const body = Readable.toWeb(object.body)
  if (!range) return { status: 200, headers: { ...headers, 'content-length': String(output.bytes) }, body }
  return {
    status: 206,
    headers: {
      ...headers,
      'content-length': String(range.end - range.start + 1),
      'content-range': `bytes ${range.start}-${range.end}/${output.bytes}`,
    },
    body,
  }
}

// The name may be a caller's own, and a header is no place for quotes or other alphabets.
function asciiOf(filename: string): string {
  return filename.replace(/[^\x20-\x7e]|["\\]/g, '_')
}

function outputOf(job: JobRecord, choose: () => Output | undefined): Output {
  if (!isTerminal(job.status)) {
    throw new ProblemError('not_ready', `The job is ${job.status}; ask again when it has ended`, {
      headers: { 'retry-after': '2' },
    })
  }
  if (job.status !== 'succeeded' && outputsOf(job).length === 0) {
    throw new ProblemError('job_not_completed', `The job ended as ${job.status}; its error says why`)
  }
  const output = choose()
  if (output) return output
  throw new ProblemError('not_found', 'The job has no output with this index', { param: 'index' })
}

/** One range of RFC 9110; several, other units and nonsense are answered with the whole file, as the RFC allows. */
function rangeOf(header: string | null, bytes: number): Required<ByteRange> | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  if (first !== '' && last !== '' && Number(last) < start) return undefined
  if (start >= bytes || (first === '' && Number(last) === 0)) {
    throw new ProblemError('range_not_satisfiable', `The file has ${bytes} bytes`, {
      headers: { 'content-range': `bytes */${bytes}` },
    })
  }
  return { start, end }
}
