import { createSecretKey, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { Secret } from '@genqueue/contract'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EncryptionKey } from './encryption-keys.ts'
import { EncryptionKeys } from './encryption-keys.ts'
import { Envelope, kidOf } from './envelope.ts'

const encryptionKey = (kid: string): EncryptionKey => ({ kid, key: createSecretKey(randomBytes(32)) })
const OLD = encryptionKey('old')
const NEW = encryptionKey('new')
const before = new Envelope([OLD])
const during = new Envelope([NEW, OLD])
const after = new Envelope([NEW])

const PLACE = { owner: 'runway', id: 'pk_1', field: 'value' }
const sealed = before.seal(new Secret('key_0123456789'), PLACE)

const secret = fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' })
const place = fc.record({ owner: fc.string(), id: fc.string(), field: fc.string() })

test('a secret comes back, and is never in the sealed text', () => {
  fc.assert(
    fc.property(secret, place, (value, at) => {
      const text = before.seal(new Secret(value), at)
      expect(before.open(text, at).reveal()).toBe(value)
      const bytes = Buffer.concat(text.split('.').map((part) => Buffer.from(part, 'base64url')))
      if (value.length > 3) expect(bytes.includes(value)).toBe(false)
    }),
  )
})

test('the same secret is sealed differently each time', () => {
  const all = Array.from({ length: 50 }, () => before.seal(new Secret('key_0123456789'), PLACE))
  expect(new Set(all.flatMap((text) => text.split('.').slice(2))).size).toBe(100)
})

test('sealed for one place, it opens at no other', () => {
  fc.assert(
    fc.property(place, place, (here, there) => {
      fc.pre(JSON.stringify(Object.values(here)) !== JSON.stringify(Object.values(there)))
      const text = before.seal(new Secret('key_0123456789'), here)
      expect(() => before.open(text, there)).toThrow('does not open')
      expect(() => during.rewrap(text, there)).toThrow('does not open')
    }),
    { numRuns: 50 },
  )
})

test('parts of two sealed texts do not make a third', () => {
  const other = before.seal(new Secret('key_9876543210'), PLACE)
  const [format, kid, wrapped] = sealed.split('.')
  const data = other.split('.')[3]
  expect(() => before.open([format, kid, wrapped, data].join('.'), PLACE)).toThrow('does not open')
})

test.each([2, 3])('each byte of part %i, flipped, keeps it closed', (part) => {
  const parts = sealed.split('.')
  const bytes = Buffer.from(parts[part] ?? '', 'base64url')
  for (const index of bytes.keys()) {
    for (const bit of [1, 128]) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(index) ^ bit, index)
      const forged = parts.with(part, flipped.toString('base64url')).join('.')
      expect(() => before.open(forged, PLACE)).toThrow('does not open')
    }
  }
})

test('each character of the text matters', () => {
  for (const index of sealed.split('').keys()) {
    for (const letter of ['A', '.', '=', ' ']) {
      if (sealed[index] === letter) continue
      expect(() => before.open(sealed.slice(0, index) + letter + sealed.slice(index + 1), PLACE)).toThrow()
    }
    expect(() => before.open(sealed.slice(0, index), PLACE)).toThrow()
  }
  expect(() => before.open(`${sealed}A`, PLACE)).toThrow()
  expect(() => before.open(`${sealed}.`, PLACE)).toThrow()
})

test.each([4, 8, 12, 0])('a tag of %i bytes is refused', (length) => {
  for (const part of [2, 3]) {
    const parts = sealed.split('.')
    const bytes = Buffer.from(parts[part] ?? '', 'base64url')
    const short = bytes.subarray(0, bytes.length - 16 + length)
    expect(() => before.open(parts.with(part, short.toString('base64url')).join('.'), PLACE)).toThrow('does not open')
  }
})

test('moved to a new encryption key, the same secret opens under it alone', () => {
  const moved = during.rewrap(sealed, PLACE)
  expect([kidOf(sealed), kidOf(moved)]).toEqual(['old', 'new'])
  expect(after.open(moved, PLACE).reveal()).toBe('key_0123456789')
  expect(() => before.open(moved, PLACE)).toThrow('There is no encryption key new')
  expect(during.rewrap(moved, PLACE)).toBe(moved)
  // The secret itself is not touched.
  expect(moved.split('.')[3]).toBe(sealed.split('.')[3])
})

test('another key under the same kid opens nothing', () => {
  expect(() => new Envelope([encryptionKey('old')]).open(sealed, PLACE)).toThrow('does not open')
})

test('ENCRYPTION_KEYS are kid:base64 of 32 bytes, and a fault says how to make one without repeating it', () => {
  const key = randomBytes(32).toString('base64')
  const parsed = EncryptionKeys.parse(`k2:${key}, k1:${randomBytes(32).toString('base64')}`)
  expect(parsed.map(({ kid }) => kid)).toEqual(['k2', 'k1'])
  expect(inspect(parsed, { depth: 9 }) + JSON.stringify(parsed)).not.toContain(key)
  const short = randomBytes(16).toString('base64')
  for (const bad of [key, `k1:${short}`, `k1:${key},`, `k1:${key},k1:${key}`, `k 1:${key}`, `k1:${key.slice(1)}`]) {
    const { error } = EncryptionKeys.safeParse(bad)
    expect(error?.message).toMatch(/openssl rand -base64 32|repeats the kid k1/)
    expect(error?.message).not.toContain(key.slice(0, 20))
    expect(error?.message).not.toContain(short)
  }
})
