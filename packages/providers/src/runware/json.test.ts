import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson, writeTasks } from './json.ts'

describe('JSON of the vendor', () => {
  it('is read with every digit of a whole number that a double cannot hold', () => {
    const text =
      '{"seed":9223372036854775807,"near":9007199254740991,"small":7,"cost":0.1834567890123456,"text":"1234567890123456789"}'
    expect(parseJson(text)).toEqual({
      seed: '9223372036854775807',
      near: 9007199254740991,
      small: 7,
      cost: 0.1834567890123456,
      text: '1234567890123456789',
    })
  })

  it('is written with a seed of any size as a number, and is otherwise what JSON makes of it', () => {
    expect(writeTasks([{ taskType: 'x', seed: '9223372036854775807' }])).toBe(
      '[{"seed":9223372036854775807,"taskType":"x"}]',
    )
    expect(writeTasks([{ seed: '12' }, { a: 1, seed: 5 }, { seed: 'red' }])).toBe(
      '[{"seed":12},{"a":1,"seed":5},{"seed":"red"}]',
    )
  })

  it('survives the way out and back, whatever the seed', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), (seed) => {
        expect(parseJson(writeTasks([{ seed: String(seed) }]))).toEqual([
          { seed: seed > Number.MAX_SAFE_INTEGER ? String(seed) : Number(seed) },
        ])
      }),
    )
  })

  it('that is no JSON is an error', () => {
    expect(() => parseJson('<html>1234567890123456</html>')).toThrow(SyntaxError)
  })
})
