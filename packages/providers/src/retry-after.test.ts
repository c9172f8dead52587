import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRetryAfter } from './retry-after.ts'

const NOW = Date.parse('2026-09-30T08:00:00Z')

describe('parseRetryAfter', () => {
  it.each([
    ['seconds', { 'retry-after': '90' }, 90_000],
    ['a fraction of a second, at least one second', { 'retry-after': '0.2' }, 1_000],
    ['zero as one second', { 'retry-after': '0' }, 1_000],
    ['a huge number as fifteen minutes', { 'retry-after': '9'.repeat(400) }, 900_000],
    ['milliseconds before seconds', { 'retry-after-ms': '2500', 'retry-after': '60' }, 2_500],
    ['seconds when the milliseconds are nonsense', { 'retry-after-ms': 'soon', 'retry-after': '60' }, 60_000],
    ['a date', { 'retry-after': 'Wed, 30 Sep 2026 08:02:00 GMT' }, 120_000],
    ['a date of RFC 850', { 'retry-after': 'Wednesday, 30-Sep-26 08:02:00 GMT' }, 120_000],
    ['a date of asctime as UTC', { 'retry-after': 'Wed Sep 30 08:02:00 2026' }, 120_000],
    [
      'a date by the clock of the vendor',
      { 'retry-after': 'Wed, 30 Sep 2026 09:02:00 GMT', date: 'Wed, 30 Sep 2026 09:00:00 GMT' },
      120_000,
    ],
    ['a date that is gone as not asked', { 'retry-after': 'Wed, 30 Sep 2026 07:00:00 GMT' }, undefined],
    ['a negative number as not asked', { 'retry-after': '-5' }, undefined],
    ['garbage as not asked', { 'retry-after': 'garbage 1' }, undefined],
    ['a weekday without a date as not asked', { 'retry-after': 'Mon, soon' }, undefined],
    ['nothing as not asked', {}, undefined],
  ])('reads %s', (_name, headers, expected) => {
    expect(parseRetryAfter(headers, NOW)).toBe(expected)
  })

  it('answers nothing or between one second and fifteen minutes, whatever the headers hold', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    )
    fc.assert(
      fc.property(value, value, value, (seconds, ms, date) => {
        const waitMs = parseRetryAfter({ 'retry-after': seconds, 'retry-after-ms': ms, date }, NOW)
        if (waitMs === undefined) return
        expect(waitMs).toBeGreaterThanOrEqual(1_000)
        expect(waitMs).toBeLessThanOrEqual(900_000)
      }),
    )
  })

  it('gives back every whole number of seconds within the bounds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 900 }), (seconds) => {
        expect(parseRetryAfter({ 'retry-after': String(seconds) }, NOW)).toBe(seconds * 1000)
        const until = new Date(NOW + seconds * 1000).toUTCString()
        expect(parseRetryAfter({ 'retry-after': until }, NOW)).toBe(seconds * 1000)
      }),
    )
  })
})
