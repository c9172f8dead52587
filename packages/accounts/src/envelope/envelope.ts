import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { Secret } from '@genqueue/contract'
import type { EncryptionKey } from './encryption-keys.ts'

/** Where a secret belongs. Sealed for one place, it opens at no other. */
export type Place = { owner: string; id: string; field: string }

const CIPHER = 'aes-256-gcm'
const DEK_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const FORMAT = 'gq1'

export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  readonly code: 'unknown_kid' | 'damaged'
  readonly kid: string | undefined

  constructor(code: 'unknown_kid' | 'damaged', options: { kid?: string; cause?: unknown } = {}) {
    const message = code === 'damaged' ? 'The sealed text does not open' : `There is no encryption key ${options.kid}`
    super(message, { cause: options.cause })
    this.code = code
    this.kid = options.kid
  }
}

/**
 * Seals secrets under a key of their own, which is wrapped by an encryption key of the operator's: that one can be
 * changed without touching the secret. Written as `gq1.<kid>.<wrapped key>.<secret>`.
 */
export class Envelope {
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #current: EncryptionKey

  constructor(keys: readonly [EncryptionKey, ...EncryptionKey[]]) {
    this.#keys = new Map(keys.map(({ kid, key }) => [kid, key]))
    this.#current = keys[0]
  }

  /** An envelope of the operator's keys, or nothing where there are none. */
  static of(keys: readonly EncryptionKey[]): Envelope | undefined {
    const [current, ...others] = keys
    return current && new Envelope([current, ...others])
  }

  get currentKid(): string {
    return this.#current.kid
  }

  knows(kid: string): boolean {
    return this.#keys.has(kid)
  }

  seal(secret: Secret, place: Place): string {
    const dek = randomBytes(DEK_BYTES)
    const data = encrypt(createSecretKey(dek), Buffer.from(secret.reveal()), aad('secret', place))
    return join(this.#current.kid, this.#wrap(dek, place), data)
  }

  /** Throws an EnvelopeError when the key is not known or anything at all was changed. */
  open(sealed: string, place: Place): Secret {
    const { kid, wrapped, data } = split(sealed)
    const dek = this.#unwrap(kid, wrapped, place)
    return new Secret(decrypt(createSecretKey(dek), data, aad('secret', place)).toString())
  }

  /** The same secret under the current encryption key; the text as it was when that one wraps it already. */
  rewrap(sealed: string, place: Place): string {
    const { kid, wrapped, data } = split(sealed)
    if (kid === this.#current.kid) return sealed
    return join(this.#current.kid, this.#wrap(this.#unwrap(kid, wrapped, place), place), data)
  }

  #wrap(dek: Buffer, place: Place): Buffer {
    const { kid, key } = this.#current
    return encrypt(key, dek, aad(`key ${kid}`, place))
  }

  #unwrap(kid: string, wrapped: Buffer, place: Place): Buffer {
    const key = this.#keys.get(kid)
    if (key === undefined) throw new EnvelopeError('unknown_kid', { kid })
    return decrypt(key, wrapped, aad(`key ${kid}`, place))
  }
}

/** Which encryption key a sealed text names; whether it opens is another question. */
export function kidOf(sealed: string): string {
  return sealed.split('.')[1] ?? ''
}

export function isSealed(text: string): boolean {
  return text.startsWith(`${FORMAT}.`)
}

function encrypt(key: KeyObject, plain: Buffer, about: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about)
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: KeyObject, blob: Buffer, about: Buffer): Buffer {
  if (blob.length <= IV_BYTES + TAG_BYTES) throw new EnvelopeError('damaged')
  const iv = blob.subarray(0, IV_BYTES)
  // authTagLength makes node refuse a shorter tag, which it would otherwise accept.
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(about)
  decipher.setAuthTag(blob.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(blob.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new EnvelopeError('damaged', { cause })
  }
}

// JSON, so that no two places are written alike.
function aad(what: string, { owner, id, field }: Place): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, what, owner, id, field]))
}

function join(kid: string, wrapped: Buffer, data: Buffer): string {
  return [FORMAT, kid, wrapped.toString('base64url'), data.toString('base64url')].join('.')
}

function split(sealed: string): { kid: string; wrapped: Buffer; data: Buffer } {
  const [format, kid = '', wrappedText = '', dataText = '', ...rest] = sealed.split('.')
  const wrapped = Buffer.from(wrappedText, 'base64url')
  const data = Buffer.from(dataText, 'base64url')
  // Base64 can be written in several ways; only ours is taken.
  const isOurs = wrapped.toString('base64url') === wrappedText && data.toString('base64url') === dataText
  if (format !== FORMAT || kid === '' || rest.length > 0 || !isOurs) throw new EnvelopeError('damaged')
  return { kid, wrapped, data }
}
