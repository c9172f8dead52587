import { randomUUID } from 'node:crypto'
import type { ObjectFolder, StoredObject } from './object-folder.ts'
import type { Payload } from './payload.ts'
import { S3Error } from './s3-error.ts'

/** What a PutObject and a CreateMultipartUpload say about the object to come. */
export type ObjectHeaders = Pick<StoredObject, 'key' | 'contentType' | 'headers' | 'metadata'>

export interface UploadedPart extends Payload {
  readonly lastModified: Date
}

export interface OpenUpload extends ObjectHeaders {
  readonly uploadId: string
  readonly initiated: Date
  readonly wantsChecksums: boolean
  readonly parts: Map<number, UploadedPart>
}

/** The objects and open uploads of one bucket, in memory, and on disk where it was given a folder. */
export class Bucket {
  readonly name: string
  readonly objects: Map<string, StoredObject>
  readonly uploads = new Map<string, OpenUpload>()
  readonly #folder: ObjectFolder | undefined

  constructor(name: string, folder?: ObjectFolder, objects: readonly StoredObject[] = []) {
    this.name = name
    this.#folder = folder
    this.objects = new Map(objects.map((object) => [object.key, object]))
  }

  /** One step for check and write: of two that ask for `If-None-Match: *`, one gets 412. */
  async put(object: StoredObject, { ifAbsent }: { ifAbsent: boolean }): Promise<void> {
    if (ifAbsent && this.objects.has(object.key)) {
      throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
        Condition: 'If-None-Match',
      })
    }
    this.objects.set(object.key, object)
    await this.#folder?.write(object)
  }

  async delete(key: string): Promise<void> {
    this.objects.delete(key)
    await this.#folder?.remove(key)
  }

  get(key: string): StoredObject {
    const object = this.objects.get(key)
    if (object === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist', { Key: key })
    return object
  }

  openUpload(headers: ObjectHeaders, wantsChecksums: boolean): OpenUpload {
    const upload = { ...headers, uploadId: randomUUID(), initiated: new Date(), wantsChecksums, parts: new Map() }
    this.uploads.set(upload.uploadId, upload)
    return upload
  }

  upload(uploadId: string, key: string): OpenUpload {
    const upload = this.uploads.get(uploadId)
    if (upload?.key === key) return upload
    throw new S3Error('NoSuchUpload', 'The specified upload does not exist; it may have been aborted or completed', {
      UploadId: uploadId,
    })
  }
}
