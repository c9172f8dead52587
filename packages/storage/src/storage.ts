import type { Readable } from 'node:stream'

export interface PutOptions {
  contentType: string
  maxBytes: number
  allowEmpty?: boolean
  signal?: AbortSignal
  metadata?: Record<string, string>
}

/** What was written, counted and hashed on the way through. */
export interface StoredObject {
  readonly key: string
  readonly bytes: number
  /** Hex, over the whole object. */
  readonly sha256: string
  readonly contentType: string
  readonly etag?: string
}

export interface ObjectInfo {
  readonly bytes: number
  readonly contentType: string
  /** Where the storage knows it; a bucket knows it only if the writer put it into the metadata. */
  readonly sha256?: string
  readonly etag?: string
  readonly lastModified: Date
  readonly metadata: Readonly<Record<string, string>>
}

/** Bytes from `start` to `end`, both included; without `end` to the last. */
export interface ByteRange {
  start: number
  end?: number
}

export interface ReadObject {
  /** Fails with a StorageError when the storage breaks off; destroy it when it is not read to the end. */
  readonly body: Readable
  readonly info: ObjectInfo
  /** What the body holds, where a range was asked for. */
  readonly range?: Required<ByteRange>
}

export interface PresignOptions {
  /** At most seven days, S3's limit. */
  expiresSeconds: number
  contentType: string
  filename: string
  disposition?: 'inline' | 'attachment'
}

export interface ListedObject {
  readonly key: string
  readonly bytes: number
  readonly lastModifiedMs: number
}

/** Where outputs and inputs lie. Every rejection is a StorageError. */
export interface Storage {
  /**
   * Streams, never buffers. Resolves only when the object lies there whole. Rejects when the source fails, is empty
   * (unless allowed), exceeds `maxBytes` or the signal aborts, and then leaves what was there before, and no open
   * upload. Overwrites. Where the storage itself failed while it confirmed the last bytes (`unavailable`) the object may
   * lie there whole, never in part: put it again.
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>
  head(key: string, options?: { signal?: AbortSignal }): Promise<ObjectInfo | undefined>
  get(key: string, options?: { range?: ByteRange; signal?: AbortSignal }): Promise<ReadObject | undefined>
  /** Idempotent. */
  delete(key: string): Promise<void>
  /** A URL anybody may GET until it expires, or undefined where the storage has none. */
  presign(key: string, options: PresignOptions): Promise<string | undefined>
  /** Every object whose key starts with these characters, in no promised order. */
  list(prefix: string): AsyncIterable<ListedObject>
  /** Proves that the storage can be written, read and deleted from now. */
  check(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
