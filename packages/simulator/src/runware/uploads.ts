import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'

export interface RunwareUpload {
  readonly uuid: string
  readonly contentType: string
  /** Undefined for an upload by URL, which is not fetched. */
  readonly bytes: Buffer | undefined
  readonly sha256: string | undefined
  lastUsedAtMs: number
  isDeleted: boolean
}

const LIFETIME_MS = 30 * 24 * 60 * 60 * 1000
const DATA_URI = /^data:([\w.+/-]+);base64,/

/** Inputs that were uploaded once, to be named by their UUID for as long as they are in use. */
export class RunwareUploads {
  readonly #clock: Clock
  readonly #byUuid = new Map<string, RunwareUpload>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(uuid: string, media: string): RunwareUpload {
    const [head = '', contentType = 'image/png'] = DATA_URI.exec(media) ?? []
    const bytes = /^https?:/.test(media) ? undefined : Buffer.from(media.slice(head.length), 'base64')
    const upload: RunwareUpload = {
      uuid,
      contentType,
      bytes,
      sha256: bytes && createHash('sha256').update(bytes).digest('hex'),
      lastUsedAtMs: this.#clock.now(),
      isDeleted: false,
    }
    this.#byUuid.set(uuid, upload)
    return upload
  }

  /** Undefined once the provider has forgotten it. */
  find(uuid: string): RunwareUpload | undefined {
    const upload = this.#byUuid.get(uuid)
    if (!upload || upload.isDeleted || this.#clock.now() - upload.lastUsedAtMs > LIFETIME_MS) return undefined
    return upload
  }

  /** Like `find`, and starts its time anew. */
  use(uuid: string): RunwareUpload | undefined {
    const upload = this.find(uuid)
    if (upload) upload.lastUsedAtMs = this.#clock.now()
    return upload
  }

  /** Whether there ever was such an upload. */
  isKnown(uuid: string): boolean {
    return this.#byUuid.has(uuid)
  }

  all(): RunwareUpload[] {
    return [...this.#byUuid.values()]
  }

  /** All are gone, as if nobody had used them for too long. */
  forget(): void {
    for (const upload of this.#byUuid.values()) upload.isDeleted = true
  }

  clear(): void {
    this.#byUuid.clear()
  }
}
