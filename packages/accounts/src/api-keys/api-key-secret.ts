import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Secret } from '@genqueue/contract'

const PREFIX = 'gq_live_'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
/** What 32 bytes and the 4 of a CRC32 take at most in base 62; always filled up with zeros. */
const SECRET_DIGITS = 43
const CHECK_DIGITS = 6
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${SECRET_DIGITS + CHECK_DIGITS}}$`)

/** `gq_live_`, 32 random bytes and a checksum, so that scanners know one and a mistyped one costs no question. */
export function newApiKeySecret(bytes: Uint8Array = randomBytes(SECRET_BYTES)): Secret {
  const body = PREFIX + base62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), SECRET_DIGITS)
  return new Secret(body + checkOf(body))
}

/** Whether this may be a key at all; says nothing about whether there is one like it. */
export function isWellFormed(key: string): boolean {
  return FORM.test(key) && key.slice(-CHECK_DIGITS) === checkOf(key.slice(0, -CHECK_DIGITS))
}

/** What is kept of a key. 256 random bits need no slow hash. */
export function hashOfKey(key: string): string {
  return hash('sha256', key, 'hex')
}

function checkOf(body: string): string {
  return base62(BigInt(crc32(body)), CHECK_DIGITS)
}

function base62(value: bigint, digits: number): string {
  let text = ''
  for (let rest = value; text.length < digits; rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text
  return text
}
