import type { JobErrorCode, Media, Output } from '@genqueue/contract'
import { EgressError, type EgressPolicy, type GuardedResponse, guardedRequest } from '@genqueue/egress'
import { INLINE_SOURCE } from '@genqueue/jobs'
import { readDataUrl } from '@genqueue/providers'
import { type Storage, StorageError } from '@genqueue/storage'
import type { Agent } from 'undici'
import { ContentError, checkContainer } from './container-check.ts'
import { type OutputOrigin, outputMedia, TEXT } from './output-media.ts'

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

export type CopySource = OutputOrigin & { url: string; index: number; keyWithoutExtension: string }

/**
 * Streams one output from the vendor's URL into the bucket; what lies there afterwards is whole, of the type its bytes
 * say, and counted and hashed on the way. Nothing is left behind otherwise. Rejects only when aborted.
 */
export async function copyOutput(source: CopySource, deps: CopyDeps, signal: AbortSignal): Promise<CopyOutcome> {
  const { agent, policy, maxBytes, timeoutMs } = deps
  if (source.url === INLINE_SOURCE) return failed('output_expired', 'expired', 'the file stood in the answer')
  if (/^data:/i.test(source.url)) return copyInline(source, deps, signal)
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
    const media = outputMedia(head, response.headers['content-type'], source)
    if (!media) return failed('output_invalid', 'content', 'the bytes are no media file')
    return await put(source, media, body, deps, signal)
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', failure: classify(error) }
  } finally {
    response?.body.destroy()
  }
}

/** What the vendor put into its answer: a text, or a file against our wish. */
async function copyInline(source: CopySource, deps: CopyDeps, signal: AbortSignal): Promise<CopyOutcome> {
  const inline = readDataUrl(source.url)
  if (!inline) return failed('output_invalid', 'final', 'the data URL cannot be read')
  const { bytes, contentType } = inline
  const isText = source.kind === 'text' && contentType === TEXT.contentType
  const media = isText ? TEXT : outputMedia(bytes.subarray(0, SNIFF_BYTES), contentType, source)
  if (!media) return failed('output_invalid', 'final', 'the bytes are no media file')
  try {
    return await put(source, media, oneChunk(bytes), deps, signal)
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', failure: classify(error) }
  }
}

async function* oneChunk(bytes: Uint8Array) {
  yield bytes
}

async function put(
  { index, keyWithoutExtension }: CopySource,
  { contentType, extension }: Media,
  body: AsyncIterable<Uint8Array>,
  { storage, maxBytes }: CopyDeps,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const stored = await storage.put(`${keyWithoutExtension}.${extension}`, checkContainer(body, contentType), {
    contentType,
    maxBytes,
    signal,
  })
  const { key, bytes, sha256 } = stored
  return { kind: 'copied', output: { index, key, bytes, sha256, contentType: stored.contentType } }
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
