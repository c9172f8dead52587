import { ProblemError, SNIFF_BYTES } from '@genqueue/contract'
import type { StoredInput } from '@genqueue/jobs'
import type { InputPlace } from '@genqueue/providers'
import { type Storage, StorageError } from '@genqueue/storage'
import { acceptedMedia } from './accepted-media.ts'
import { DataUriDecoder } from './data-uri.ts'
import type { IntakeLimits } from './intake-limits.ts'

export type InputStorage = Pick<Storage, 'put' | 'delete'>
export type FilePart = { contentType: string | undefined; filename: string; body: AsyncIterable<Uint8Array> }
export type InputsOptions = {
  storage: InputStorage
  /** Where the n-th file of the request is to lie. */
  keyOf: (index: number, extension: string) => string
  limits: IntakeLimits
  signal?: AbortSignal | undefined
}

type Source = {
  bytes: AsyncIterable<Uint8Array>
  declaredType: () => string | undefined
  filename: string | undefined
  maxBytes: number
}

/** The files of one request on their way to storage: one at a time, never more than a chunk in memory. */
export class IntakeInputs {
  readonly stored: StoredInput[] = []
  readonly #options: InputsOptions
  /** Also of what failed: `put` may leave a whole object behind where the storage broke off. */
  readonly #keys: string[] = []

  constructor(options: InputsOptions) {
    this.#options = options
  }

  addFile(param: string, { contentType, filename, body }: FilePart): Promise<InputPlace> {
    const { maxFileBytes } = this.#options.limits
    return this.#add(param, { bytes: body, declaredType: () => contentType, filename, maxBytes: maxFileBytes })
  }

  addDataUri(param: string, text: AsyncIterable<Uint8Array>): Promise<InputPlace> {
    const { maxDataUriChars } = this.#options.limits
    const decoder = new DataUriDecoder(param, maxDataUriChars)
    const bytes = decoder.decode(text)
    // The decoder counts characters, which are more than the bytes they stand for.
    const maxBytes = maxDataUriChars
    return this.#add(param, { bytes, declaredType: () => decoder.mediaType, filename: undefined, maxBytes })
  }

  /** A data URI that stays in the body is held to the same rules as one that is stored. */
  checkInline(param: string, text: string): void {
    const decoder = new DataUriDecoder(param, this.#options.limits.maxDataUriChars)
    const bytes = Buffer.concat([decoder.push(Buffer.from(text)), decoder.end()])
    acceptedMedia(bytes, decoder.mediaType, param)
  }

  /** Deletes everything stored and never rejects: what a failing storage keeps is left to the bucket's lifecycle rule. */
  async discard(): Promise<void> {
    await Promise.allSettled(this.#keys.map((key) => this.#options.storage.delete(key)))
  }

  async #add(param: string, source: Source): Promise<InputPlace> {
    const { storage, keyOf, limits, signal } = this.#options
    const index = this.#keys.length
    if (index >= limits.maxFiles) {
      throw new ProblemError('invalid_request', `A request may hold at most ${limits.maxFiles} files.`, { param })
    }
    const peeked = await peek(source.bytes)
    const { contentType, extension } = acceptedMedia(peeked.head, source.declaredType(), param)
    const key = keyOf(index, extension)
    this.#keys.push(key)
    const filename = safeFilename(source.filename) ?? `input-${index}.${extension}`
    try {
      const options = { contentType, maxBytes: source.maxBytes, ...(signal && { signal }) }
      const { bytes, sha256 } = await storage.put(key, peeked.all, options)
      this.stored.push({ key, bytes, sha256, contentType, filename })
    } catch (error) {
      throw explain(error, param, source.maxBytes)
    }
    return { $input: index }
  }
}

/** The first bytes of a source, and the whole source again. */
async function peek(source: AsyncIterable<Uint8Array>): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.byteLength < SNIFF_BYTES) {
    const { done, value } = await iterator.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  const all = async function* () {
    yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  return { head, all: all() }
}

function explain(error: unknown, param: string, maxBytes: number): unknown {
  if (!(error instanceof StorageError)) return error
  if (error.code === 'source_failed' && error.cause instanceof Error) return error.cause
  if (error.code === 'too_large') {
    return new ProblemError('file_too_large', `The file in ${param} is larger than ${maxBytes} bytes.`, {
      param,
      cause: error,
    })
  }
  if (error.code === 'aborted') {
    return new ProblemError('invalid_request', 'The request ended before its body had arrived whole.', { cause: error })
  }
  return new ProblemError('storage_unavailable', 'The file could not be stored. Send the request again.', {
    param,
    cause: error,
  })
}

/** The caller's own name without folders and control characters, at most 200 characters of it. */
function safeFilename(name: string | undefined): string | undefined {
  const bare = name
    ?.replace(/^.*[\\/]/s, '')
    .replace(/\p{Cc}/gu, '')
    .slice(0, 200)
    .toWellFormed()
  return bare === undefined || bare === '' || bare === '.' || bare === '..' ? undefined : bare
}
