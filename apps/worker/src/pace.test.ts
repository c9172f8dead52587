import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterErrorMs, backoffMs, nextLookMs, RUNWAY_PACE, webhookRetryMs } from './pace.ts'

const DAY_MS = 86_400_000
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const age = fc.nat(7 * DAY_MS)
const { minMs, maxMs, throttledMinMs, throttledMaxMs } = RUNWAY_PACE

describe('the next look', () => {
  test('never comes sooner than the vendor asks for, nor later than the longest interval and a fifth', () => {
    fc.assert(
      fc.property(age, fc.boolean(), random, (ageMs, isThrottled, dice) => {
        const delayMs = nextLookMs(RUNWAY_PACE, ageMs, isThrottled, dice)
        expect(delayMs).toBeGreaterThanOrEqual(isThrottled ? throttledMinMs : minMs)
        expect(delayMs).toBeLessThanOrEqual((isThrottled ? throttledMaxMs : maxMs) * 1.2)
        expect(delayMs).toBeGreaterThanOrEqual(5_000)
      }),
    )
  })

  test('does not come closer as the task grows older', () => {
    fc.assert(
      fc.property(age, age, fc.boolean(), random, (a, b, isThrottled, dice) => {
        const [young, old] = [Math.min(a, b), Math.max(a, b)]
        const delayOf = (ageMs: number) => nextLookMs(RUNWAY_PACE, ageMs, isThrottled, dice)
        expect(delayOf(old)).toBeGreaterThanOrEqual(delayOf(young))
      }),
    )
  })

  test('after failed looks doubles from the usual interval to a minute, however many there were', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (errors, dice) => {
        const delayMs = afterErrorMs(RUNWAY_PACE, errors, dice)
        expect(delayMs).toBeGreaterThanOrEqual(minMs)
        expect(delayMs).toBeLessThanOrEqual(72_000)
        expect(afterErrorMs(RUNWAY_PACE, errors + 1, dice)).toBeGreaterThanOrEqual(delayMs)
      }),
    )
    expect([1, 2, 3, 4, 5].map((errors) => afterErrorMs(RUNWAY_PACE, errors, 0))).toEqual([
      5_000, 10_000, 20_000, 40_000, 60_000,
    ])
  })
})

test('a backoff grows from its first delay to its longest and a fifth', () => {
  const attempt = fc.integer({ min: 1, max: 100_000 })
  fc.assert(
    fc.property(attempt, fc.integer({ min: 1, max: 5_000 }), fc.nat(600_000), random, (n, firstMs, moreMs, dice) => {
      const longestMs = firstMs + moreMs
      const delayMs = backoffMs(n, firstMs, longestMs, dice)
      expect(delayMs).toBeGreaterThanOrEqual(firstMs)
      expect(delayMs).toBeLessThanOrEqual(longestMs * 1.2)
      expect(backoffMs(n + 1, firstMs, longestMs, dice)).toBeGreaterThanOrEqual(delayMs)
    }),
  )
})

describe('a webhook', () => {
  const steps = Array.from({ length: 9 }, (_, index) => {
    const stepMs = webhookRetryMs(index + 1, undefined, 0.5)
    if (stepMs === undefined) throw new Error('ten attempts have nine delays')
    return stepMs
  })

  test('is tried ten times over about three days, each wait longer than the one before', () => {
    expect(webhookRetryMs(10, undefined, 0.5)).toBeUndefined()
    expect(webhookRetryMs(10, 60_000, 0.5)).toBeUndefined()
    const totals = [0, 0.5, 1].map((dice) =>
      steps.reduce((sum, _, index) => sum + (webhookRetryMs(index + 1, undefined, dice) ?? 0), 0),
    )
    expect(totals.map((ms) => Math.round((ms / DAY_MS) * 10) / 10)).toEqual([2.5, 3.1, 3.8])
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
  })

  test('keeps to a receiver’s Retry-After between the planned step and twice that or a day', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(30 * DAY_MS), random, (attempt, askedMs, dice) => {
        const stepMs = steps[attempt - 1] ?? 0
        const delayMs = webhookRetryMs(attempt, askedMs, dice) ?? 0
        expect(delayMs).toBeGreaterThanOrEqual(Math.max(stepMs, 60_000))
        expect(delayMs).toBeLessThanOrEqual(Math.max(2 * stepMs, DAY_MS))
        if (askedMs >= Math.max(stepMs, 60_000) && askedMs <= DAY_MS) expect(delayMs).toBe(askedMs)
      }),
    )
  })
})
