import type { Clock } from '../clock.ts'
import type { Reply } from '../reply.ts'
import type { Seeded } from '../seeded.ts'

const LIFETIME_MS = 24 * 60 * 60 * 1000

export interface Upload {
  readonly id: string
  readonly uri: string
  readonly filename: string
  readonly fields: Readonly<Record<string, string>>
  readonly storageReply: Reply | undefined
  /** Set once the file has arrived whole. */
  stored: { readonly atMs: number; readonly sizeBytes: number; readonly sha256: string } | undefined
}

/** Uploads in their two steps: a place is reserved, then the file is sent to it. */
export class Uploads {
  readonly #clock: Clock
  readonly #seeded: Seeded
  readonly #byId = new Map<string, Upload>()
  #count = 0

  constructor(clock: Clock, seeded: Seeded) {
    this.#clock = clock
    this.#seeded = seeded
  }

  reserve(filename: string, storageReply: Reply | undefined): Upload {
    this.#count += 1
    const id = this.#seeded.uuid(`upload ${this.#count}`)
    const policy = this.#seeded.digest(`policy ${this.#count}`).toString('base64')
    const fields = { key: `ephemeral/${id}/${filename}`, policy, 'x-amz-algorithm': 'AWS4-HMAC-SHA256' }
    const upload: Upload = { id, uri: `runway://${id}`, filename, fields, storageReply, stored: undefined }
    this.#byId.set(id, upload)
    return upload
  }

  find(id: string): Upload | undefined {
    return this.#byId.get(id)
  }

  /** Whether the URI may stand in a body now: the file arrived, less than a day ago. */
  isUsable(uri: string): boolean {
    const stored = this.#byId.get(uri.slice('runway://'.length))?.stored
    return stored !== undefined && this.#clock.now() < stored.atMs + LIFETIME_MS
  }

  all(): Upload[] {
    return [...this.#byId.values()]
  }

  clear(): void {
    this.#byId.clear()
  }
}
