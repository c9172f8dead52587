import { createSecretKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'

/** A key that wraps keys. `KeyObject` prints nothing of itself. */
export type EncryptionKey = { kid: string; key: KeyObject }

const KEY_BYTES = 32
const ENTRY = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/

/** `kid:base64 of 32 bytes`, several while they change: the first encrypts, all of them decrypt. */
export const EncryptionKeys = z.string().transform((text, context): EncryptionKey[] => {
  const keys: EncryptionKey[] = []
  for (const [index, entry] of text.split(',').entries()) {
    const [, kid, base64] = ENTRY.exec(entry.trim()) ?? []
    const bytes = Buffer.from(base64 ?? '', 'base64')
    // The entry itself stays out of the message: it holds a key.
    if (kid === undefined || bytes.length !== KEY_BYTES || bytes.toString('base64') !== base64) {
      context.addIssue(
        `entry ${index + 1} is not kid:base64 of 32 bytes (make one: echo "k1:$(openssl rand -base64 32)")`,
      )
    } else if (keys.some((known) => known.kid === kid)) {
      context.addIssue(`entry ${index + 1} repeats the kid ${kid} of an earlier one`)
    } else {
      keys.push({ kid, key: createSecretKey(bytes) })
    }
  }
  return keys
})
