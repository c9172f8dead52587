import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOfKey, isWellFormed, newApiKeySecret } from './api-key-secret.ts'

const FORM = /^gq_live_[0-9A-Za-z]{49}$/
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => newApiKeySecret(bytes).reveal())

test('a key has one length whatever its bytes are, and different bytes make different keys', () => {
  for (const byte of [0, 255]) expect(newApiKeySecret(new Uint8Array(32).fill(byte)).reveal()).toMatch(FORM)
  fc.assert(fc.property(key, (text) => FORM.test(text) && isWellFormed(text)))
  expect(new Set(Array.from({ length: 1000 }, () => newApiKeySecret().reveal())).size).toBe(1000)
  expect(newApiKeySecret(new Uint8Array(32)).reveal()).not.toBe(newApiKeySecret(new Uint8Array(32).fill(1)).reveal())
})

test('a changed character, another prefix and another length are seen without asking anybody', () => {
  const change = fc.record({ at: fc.nat(56), to: fc.constantFrom(...'09AZaz_-. \u00e9\n') })
  fc.assert(
    fc.property(key, change, (text, { at, to }) => {
      const changed = text.slice(0, at) + to + text.slice(at + 1)
      return changed === text || !isWellFormed(changed)
    }),
  )
  const text = newApiKeySecret().reveal()
  for (const wrong of [`${text}0`, text.slice(0, -1), text.replace('live', 'test'), ` ${text}`, `${text}\n`, '']) {
    expect(isWellFormed(wrong), JSON.stringify(wrong)).toBe(false)
  }
})

test('what is kept of a key is the SHA-256 of all of it', () => {
  expect(hashOfKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
