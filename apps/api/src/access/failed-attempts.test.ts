import { expect, test } from 'vitest'
import { FailedAttempts } from './failed-attempts.ts'

test('the network of an IPv6 address counts as one, and so do both ways to write an IPv4 address', () => {
  const attempts = new FailedAttempts(() => 0)
  for (let n = 0; n < 20; n += 1) attempts.note(`2001:db8:0:1::${n.toString(16)}`)
  for (let n = 0; n < 20; n += 1) attempts.note(n % 2 === 0 ? '192.0.2.1' : '::ffff:192.0.2.1')
  expect(attempts.waitMs('2001:0db8:0:1:5::9')).toBe(60_000)
  expect(attempts.waitMs('192.0.2.1')).toBe(60_000)
  for (const other of ['2001:db8:0:2::1', '2001:db8::1', '::1', '192.0.2.2', 'unknown']) {
    expect(attempts.waitMs(other), other).toBe(0)
  }
})

test('the oldest failure leaves after a minute, and the oldest address when there are too many', () => {
  let nowMs = 0
  const attempts = new FailedAttempts(() => nowMs)
  for (let n = 0; n < 20; n += 1) {
    nowMs = n * 1000
    attempts.note('192.0.2.1')
  }
  expect(attempts.waitMs('192.0.2.1')).toBe(41_000)
  nowMs = 60_000
  expect(attempts.waitMs('192.0.2.1')).toBe(0)
  attempts.note('192.0.2.1')
  expect(attempts.waitMs('192.0.2.1')).toBe(1_000)
  for (let n = 0; n < 10_000; n += 1) attempts.note(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)
  expect(attempts.waitMs('192.0.2.1')).toBe(0)
})
