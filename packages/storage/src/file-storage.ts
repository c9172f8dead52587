import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ConfinedFolder } from './confined-folder.ts'
import { fileFailure, isMissing } from './file-failure.ts'
import { guardedBody } from './guarded-body.ts'
import { MeasuredSource } from './measured-source.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import { proveStorage } from './prove-storage.ts'
import type { ByteRange, ListedObject, ObjectInfo, PutOptions, ReadObject, Storage, StoredObject } from './storage.ts'
import { abortedError, StorageError } from './storage-error.ts'

/** Each read is a trip to another thread. A multiple of three, so that base64 of each piece stands by itself. */
const READ_BYTES = 196_608

/** What a file cannot say of itself. Length and time tell whether the hash still speaks of the file beside it. */
const Description = z.object({
  contentType: z.string(),
  sha256: z.string(),
  bytes: z.number(),
  modifiedMs: z.number(),
  metadata: z.record(z.string(), z.string()),
})
type Description = z.infer<typeof Description>

/** A folder on this machine: each object a file under its own key, described in a parallel tree under `.meta/`. */
export class FileStorage implements Storage {
  readonly #objects: ConfinedFolder
  readonly #descriptions: ConfinedFolder

  constructor(root: string) {
    this.#objects = new ConfinedFolder(root)
    this.#descriptions = new ConfinedFolder(join(root, '.meta'))
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    const { contentType, metadata = {} } = options
    const source = new MeasuredSource(body, options)
    try {
      checkKey(key)
      if (source.failure !== undefined) throw source.failure
      let etag = ''
      let totals = { bytes: 0, sha256: '' }
      const fill = async (file: FileHandle) => {
        for await (const chunk of source.chunks()) await file.writeFile(chunk)
        totals = source.totals()
      }
      const describe = async (file: FileHandle) => {
        const { size, mtimeMs } = await file.stat()
        if (size !== totals.bytes)
          throw new StorageError('unavailable', `The disk took ${size} of ${totals.bytes} bytes`)
        etag = etagOf(size, mtimeMs)
        const description: Description = { contentType, ...totals, modifiedMs: Math.floor(mtimeMs), metadata }
        await this.#descriptions.write(`${key}.json`, (sidecar) => sidecar.writeFile(JSON.stringify(description)))
      }
      await this.#objects.write(key, fill, describe)
      return { key, ...totals, contentType, etag }
    } catch (error) {
      throw source.failure ?? fileFailure(error)
    } finally {
      source.close()
    }
  }

  async head(key: string, { signal }: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const opened = await this.#open(key, signal)
    await opened?.file.close()
    return opened?.info
  }

  async get(
    key: string,
    { range, signal }: { range?: ByteRange; signal?: AbortSignal } = {},
  ): Promise<ReadObject | undefined> {
    const opened = await this.#open(key, signal)
    if (opened === undefined) return undefined
    const { file, info } = opened
    const pieces = { highWaterMark: READ_BYTES }
    if (range === undefined) return { body: guardedBody(file.createReadStream(pieces), fileFailure, signal), info }
    const whole = { start: range.start, end: Math.min(range.end ?? info.bytes - 1, info.bytes - 1) }
    if (whole.start > whole.end) {
      await file.close()
      throw new StorageError('invalid_range', 'The range begins behind the end')
    }
    return {
      body: guardedBody(file.createReadStream({ ...pieces, ...whole }), fileFailure, signal),
      info,
      range: whole,
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    try {
      await this.#objects.remove(key)
      await this.#descriptions.remove(`${key}.json`)
    } catch (error) {
      throw fileFailure(error)
    }
  }

  async presign(): Promise<undefined> {
    return undefined
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    checkPrefix(prefix)
    try {
      for await (const key of this.#objects.files(prefix.split('/').slice(0, -1))) {
        if (!key.startsWith(prefix)) continue
        const info = await this.head(key)
        if (info !== undefined) yield { key, bytes: info.bytes, lastModifiedMs: info.lastModified.getTime() }
      }
    } catch (error) {
      throw fileFailure(error)
    }
  }

  check(signal: AbortSignal): Promise<void> {
    return proveStorage(this, signal)
  }

  async close(): Promise<void> {}

  async #open(key: string, signal?: AbortSignal): Promise<{ file: FileHandle; info: ObjectInfo } | undefined> {
    checkKey(key)
    if (signal?.aborted) throw abortedError(signal)
    let file: FileHandle | undefined
    try {
      const path = await this.#objects.find(key)
      if (path === undefined) return undefined
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      const stats = await file.stat()
      const { size, mtimeMs, mtime } = stats
      if (!stats.isFile()) {
        await file.close()
        return undefined
      }
      const description = await this.#describe(key)
      const isCurrent = description?.bytes === size && description.modifiedMs === Math.floor(mtimeMs)
      const info = {
        bytes: size,
        contentType: description?.contentType ?? 'application/octet-stream',
        etag: etagOf(size, mtimeMs),
        lastModified: mtime,
        metadata: description?.metadata ?? {},
        ...(isCurrent && { sha256: description.sha256 }),
      }
      return { file, info }
    } catch (error) {
      await file?.close()
      if (isMissing(error)) return undefined
      throw fileFailure(error)
    }
  }

  /** Undefined where nobody described the file, or what was written cannot be read. */
  async #describe(key: string): Promise<Description | undefined> {
    const path = await this.#descriptions.find(`${key}.json`)
    if (path === undefined) return undefined
    try {
      return Description.parse(JSON.parse(await readFile(path, 'utf8')))
    } catch {
      return undefined
    }
  }
}

function etagOf(bytes: number, modifiedMs: number): string {
  return `"${bytes.toString(16)}-${Math.floor(modifiedMs).toString(16)}"`
}
