import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { contentDisposition } from './content-disposition.ts'
import { guardedBody } from './guarded-body.ts'
import { MeasuredSource } from './measured-source.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import { proveStorage } from './prove-storage.ts'
import { isAbsent, s3Failure } from './s3-failure.ts'
import { uploadToS3 } from './s3-upload.ts'
import type {
  ByteRange,
  ListedObject,
  ObjectInfo,
  PresignOptions,
  PutOptions,
  ReadObject,
  Storage,
  StoredObject,
} from './storage.ts'
import { StorageError } from './storage-error.ts'

export interface S3StorageDeps {
  client: S3Client
  /** Signs URLs for the host that callers reach; may be the client itself. */
  presigner: S3Client
  bucket: string
  /** Empty, or ends with a slash. */
  prefix: string
}

const MAX_PRESIGN_SECONDS = 7 * 24 * 3600

/** A bucket of AWS S3 or of anything that speaks its API. */
export class S3Storage implements Storage {
  readonly #client: S3Client
  readonly #presigner: S3Client
  readonly #bucket: string
  readonly #prefix: string

  constructor({ client, presigner, bucket, prefix }: S3StorageDeps) {
    this.#client = client
    this.#presigner = presigner
    this.#bucket = bucket
    this.#prefix = prefix
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    const { contentType, maxBytes, metadata } = options
    const source = new MeasuredSource(body, options)
    try {
      const target = { ...this.#at(key), ContentType: contentType, ...(metadata && { Metadata: metadata }) }
      if (source.failure !== undefined) throw source.failure
      const etag = await uploadToS3(this.#client, target, source, maxBytes)
      const { bytes, sha256 } = source.totals()
      await this.#verify(key, bytes, etag)
      return { key, bytes, sha256, contentType, ...(etag !== undefined && { etag }) }
    } finally {
      source.close()
    }
  }

  async head(key: string, { signal }: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    try {
      const answer = await this.#client.send(new HeadObjectCommand(this.#at(key)), signal && { abortSignal: signal })
      return infoOf(answer, answer.ContentLength ?? 0)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw s3Failure(error, signal)
    }
  }

  async get(
    key: string,
    { range, signal }: { range?: ByteRange; signal?: AbortSignal } = {},
  ): Promise<ReadObject | undefined> {
    const wanted = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end ?? ''}` }
    try {
      const command = new GetObjectCommand({ ...this.#at(key), ...wanted })
      const answer = await this.#client.send(command, signal && { abortSignal: signal })
      if (!(answer.Body instanceof Readable))
        throw new StorageError('unavailable', 'The bucket answered without a body')
      const body = guardedBody(answer.Body, s3Failure, signal)
      const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.ContentRange ?? '') ?? []
      if (total === undefined) return { body, info: infoOf(answer, answer.ContentLength ?? 0) }
      return { body, info: infoOf(answer, Number(total)), range: { start: Number(start), end: Number(end) } }
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw s3Failure(error, signal)
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#client.send(new DeleteObjectCommand(this.#at(key)))
    } catch (error) {
      if (!isAbsent(error)) throw s3Failure(error)
    }
  }

  async presign(key: string, { expiresSeconds, contentType, filename, disposition }: PresignOptions): Promise<string> {
    const command = new GetObjectCommand({
      ...this.#at(key),
      ResponseContentType: contentType,
      ResponseContentDisposition: contentDisposition(disposition ?? 'attachment', filename),
    })
    try {
      return await getSignedUrl(this.#presigner, command, { expiresIn: Math.min(expiresSeconds, MAX_PRESIGN_SECONDS) })
    } catch (error) {
      throw s3Failure(error)
    }
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    checkPrefix(prefix)
    let ContinuationToken: string | undefined
    do {
      const page = await this.#page(prefix, ContinuationToken)
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        yield { key: Key.slice(this.#prefix.length), bytes: Size, lastModifiedMs: LastModified?.getTime() ?? 0 }
      }
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
  }

  check(signal: AbortSignal): Promise<void> {
    return proveStorage(this, signal)
  }

  async close(): Promise<void> {
    this.#client.destroy()
    this.#presigner.destroy()
  }

  #at(key: string): { Bucket: string; Key: string } {
    checkKey(key)
    return { Bucket: this.#bucket, Key: this.#prefix + key }
  }

  async #page(prefix: string, ContinuationToken: string | undefined) {
    const Prefix = this.#prefix + prefix
    try {
      return await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, ContinuationToken }))
    } catch (error) {
      throw s3Failure(error)
    }
  }

  /** A source cut off where its length was not declared ends like a whole one: what lies there must be what was counted. */
  async #verify(key: string, bytes: number, etag: string | undefined): Promise<void> {
    const found = await this.head(key)
    if (found?.bytes === bytes) return
    if (found !== undefined && found.etag === etag) await this.delete(key)
    throw new StorageError('unavailable', `The bucket holds ${found?.bytes ?? 'no'} bytes of the ${bytes} it was sent`)
  }
}

function infoOf(answer: GetObjectCommandOutput | HeadObjectCommandOutput, bytes: number): ObjectInfo {
  const { ContentType, ETag, LastModified, Metadata: metadata = {} } = answer
  return {
    bytes,
    contentType: ContentType ?? 'application/octet-stream',
    lastModified: LastModified ?? new Date(0),
    metadata,
    ...(metadata.sha256 !== undefined && { sha256: metadata.sha256 }),
    ...(ETag !== undefined && { etag: ETag }),
  }
}
