import { createHash, createHmac } from 'node:crypto'

/** Everything that looks random: the same seed and label always give the same value. */
export class Seeded {
  readonly #seed: string

  constructor(seed: string) {
    this.#seed = seed
  }

  digest(label: string): Buffer {
    return createHmac('sha256', this.#seed).update(label).digest()
  }

  /** A UUID of version 4 in shape, derived from the label. */
  uuid(label: string): string {
    const bytes = this.digest(label)
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    const hex = bytes.toString('hex', 0, 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** At least 0 and below 1. */
  fraction(label: string): number {
    return this.digest(label).readUInt32BE(0) / 2 ** 32
  }
}

/** A short name for a secret that does not give it away. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16)
}
