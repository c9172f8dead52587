import { createHash } from 'node:crypto'
import { inspect } from 'node:util'

const REDACTED = '[secret]'

/** A value that no logger, serialiser or template prints by accident; `reveal()` is the one way to read it. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  /** First eight hex digits of the SHA-256: names the secret in logs and records without giving it away. */
  get fingerprint(): string {
    return createHash('sha256').update(this.#value).digest('hex').slice(0, 8)
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}
