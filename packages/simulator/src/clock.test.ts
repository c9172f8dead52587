import { describe, expect, test } from 'vitest'
import { Clock } from './clock.ts'

describe('the clock', () => {
  test('stands still when it is virtual and runs what falls due in order, at the time it falls due', () => {
    const clock = new Clock('virtual', 1000)
    const seen: unknown[] = []
    clock.after(20, () => seen.push(['late', clock.now()]))
    clock.after(10, () => {
      seen.push(['early', clock.now()])
      clock.after(5, () => seen.push(['nested', clock.now()]))
    })
    clock.after(15, () => seen.push('never'))()
    clock.advance(9)
    expect([seen, clock.now()]).toEqual([[], 1009])
    clock.advance(100)
    expect([seen, clock.now()]).toEqual([
      [
        ['early', 1010],
        ['nested', 1015],
        ['late', 1020],
      ],
      1109,
    ])
  })

  test('runs as many times faster as asked', async () => {
    const clock = new Clock({ speed: 1000 })
    const startMs = clock.now()
    const startedAtMs = Date.now()
    await new Promise<void>((resolve) => clock.after(20_000, resolve))
    expect(clock.now() - startMs).toBeGreaterThanOrEqual(19_000)
    expect(Date.now() - startedAtMs).toBeLessThan(5000)
  })

  test('runs nothing any more once it is closed', () => {
    const clock = new Clock('virtual')
    let ran = false
    clock.after(1, () => {
      ran = true
    })
    clock.close()
    clock.advance(10)
    expect(ran).toBe(false)
  })

  test('refuses to go back, and to be pushed unless it is virtual', () => {
    expect(() => new Clock('virtual').advance(-1)).toThrow('A clock cannot be moved back')
    expect(() => new Clock('real').advance(1)).toThrow('Only a virtual clock can be advanced')
    expect(() => new Clock({ speed: 0 })).toThrow('The clock speed must be above zero')
  })
})
