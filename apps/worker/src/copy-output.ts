import { type JobErrorCode, type Output, sniffMedia } from '@genqueue/contract'
import { EgressError, type EgressPolicy, type GuardedResponse, guardedRequest } from '@genqueue/egress'
import { type Storage, StorageError } from '@genqueue/storage'
import type { Agent } from 'undici'
import { ContentError, checkContainer } from './container-check.ts'

const SNIFF_BYTES = 4096
const MAX_REDIRECTS = 3

export type CopyDeps = {
  storage: Storage
  agent: Agent
  policy: EgressPolicy
  maxBytes: number
  timeoutMs: number
}

/** Why an output is not in the bucket. */
export type CopyFailure = {
  code: JobErrorCode
  /**
   * `expired`: the URL is dead, a fresh one may not be; `content`: what came is not the file, another try may bring it;
   * `final`: no try will help; `transient`: a network, vendor or bucket that will come back.
   */
  kind: 'expired' | 'content' | 'final' | 'transient'
  detail: string
}

export type CopyOutcome = { kind: 'copied'; output: Output } | ({ kind: 'failed' } & { failure: CopyFailure })

/**
 * Streams one output from the vendor's URL into the bucket; what lies there afterwards is whole, of the type its bytes
 * say, and counted and hashed on the way. Nothing is left behind otherwise. Rejects only when aborted.
 */
export async function copyOutput(
  source: { url: string; index: number; keyWithoutExtension: string },
  { storage, agent, policy, maxBytes, timeoutMs }: CopyDeps,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  let response: GuardedResponse | undefined
  try {
    response = await guardedRequest({
      agent,
      policy,
      method: 'GET',
      url: source.url,
      signal,
      totalTimeoutMs: timeoutMs,
      headersTimeoutMs: 30_000,
      maxRedirects: MAX_REDIRECTS,
    })
    const refused = refusal(response, maxBytes)
    if (refused) return { kind: 'failed', failure: refused }
    const { head, body } = await peek(response.body)
    const media = mediaOf(head, response.headers['content-type'])
    if (!media) return failed('output_invalid', 'content', 'the bytes are no media file')
    const stored = await storage.put(
      `${source.keyWithoutExtension}.${media.extension}`,
      checkContainer(body, media.contentType),
      { contentType: media.contentType, maxBytes, signal },
    )
    const { key, bytes, sha256, contentType } = stored
    return { kind: 'copied', output: { index: source.index, key, bytes, sha256, contentType } }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', failure: classify(error) }
  } finally {
    response?.body.destroy()
  }
}

function refusal({ statusCode, headers, isFramed }: GuardedResponse, maxBytes: number): CopyFailure | undefined {
  if ([401, 403, 404, 410].includes(statusCode)) {
    return { code: 'output_expired', kind: 'expired', detail: `the host answered ${statusCode}` }
  }
  if (statusCode !== 200) {
    return { code: 'output_unavailable', kind: 'transient', detail: `the host answered ${statusCode}` }
  }
  const encoding = headers['content-encoding']
  if (encoding && encoding !== 'identity') {
    return { code: 'output_invalid', kind: 'content', detail: 'the host encoded the file' }
  }
  if (!isFramed)
    return { code: 'output_invalid', kind: 'content', detail: 'the host does not mark the end of the file' }
  const bytes = Number(headers['content-length'] ?? Number.NaN)
  if (bytes === 0) return { code: 'empty_output', kind: 'content', detail: 'the file is empty' }
  if (bytes > maxBytes) return { code: 'output_too_large', kind: 'final', detail: `the file has ${bytes} bytes` }
  return undefined
}

/** Reads enough to know the type, and gives the whole body back. */
async function peek(body: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; body: AsyncIterable<Uint8Array> }> {
  const chunks = body[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  for (let bytes = 0; bytes < SNIFF_BYTES; ) {
    const { done, value } = await chunks.next()
    if (done) break
    first.push(value)
    bytes += value.length
  }
  async function* whole() {
    try {
      yield* first
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
    } finally {
      await chunks.return?.()
    }
  }
  return { head: Buffer.concat(first), body: whole() }
}

/** The type by its bytes; a declared type of another class (an image where a video was promised) is a wrong file. */
function mediaOf(head: Buffer, declared: string | undefined): { contentType: string; extension: string } | undefined {
  const isZip = head.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004'))
  const media = isZip ? { contentType: 'application/zip', extension: 'zip' } : sniffMedia(head)
  const declaredClass = /^(image|video|audio|text)\//.exec(declared ?? '')?.[1]
  if (!media || !declaredClass || isZip) return media
  const sniffedClass = media.contentType.split('/')[0]
  // MP4 and Ogg hold sound, pictures or both under the same first bytes.
  const isEither = [declaredClass, sniffedClass].every((each) => each === 'audio' || each === 'video')
  return declaredClass === sniffedClass || isEither ? media : undefined
}

function failed(code: JobErrorCode, kind: CopyFailure['kind'], detail: string): CopyOutcome {
  return { kind: 'failed', failure: { code, kind, detail } }
}

function classify(error: unknown): CopyFailure {
  const cause = error instanceof StorageError && error.code === 'source_failed' ? error.cause : error
  if (cause instanceof ContentError) return { code: 'output_invalid', kind: 'content', detail: cause.message }
  if (cause instanceof StorageError) {
    if (cause.code === 'too_large') return { code: 'output_too_large', kind: 'final', detail: cause.message }
    if (cause.code === 'empty') return { code: 'empty_output', kind: 'content', detail: cause.message }
    return { code: 'storage_failed', kind: 'transient', detail: cause.message }
  }
  if (cause instanceof EgressError && ['blocked', 'invalid_url', 'redirect'].includes(cause.code)) {
    return { code: 'output_unavailable', kind: 'content', detail: cause.message }
  }
  return { code: 'output_unavailable', kind: 'transient', detail: cause instanceof Error ? cause.message : 'unknown' }
}
