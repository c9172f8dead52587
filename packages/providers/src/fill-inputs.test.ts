import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillInputs } from './fill-inputs.ts'

describe('fillInputs', () => {
  it('puts the stored inputs where they belong, however deep, and leaves the given body alone', () => {
    const body = { promptImage: [{ uri: { $input: 1 }, position: 'first' }], videoUri: { $input: 0 }, seed: 3 }
    const before = structuredClone(body)
    expect(fillInputs(body, ['runway://a', 'data:b'])).toEqual({
      promptImage: [{ uri: 'data:b', position: 'first' }],
      videoUri: 'runway://a',
      seed: 3,
    })
    expect(body).toEqual(before)
  })

  it('takes an object with further keys, or without a whole number, as it is', () => {
    const body = { a: { $input: 0, b: 1 }, c: { $input: '0' }, d: { $input: 0.5 } }
    expect(fillInputs(body, ['x'])).toEqual(body)
  })

  it('refuses a place that has no input', () => {
    expect(() => fillInputs({ a: { $input: 1 } }, ['x'])).toThrow(RangeError)
    expect(() => fillInputs({ a: { $input: -1 } }, ['x'])).toThrow(RangeError)
  })

  it('refuses a body without end instead of overflowing the stack', () => {
    const nested = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    expect(() => fillInputs({ nested }, [])).toThrow(/nested deeper/)
  })

  it('gives back any body without places as it is, `__proto__` keys included', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (dictionary) => {
        const body = JSON.parse(JSON.stringify(dictionary).replaceAll('$input', 'input'))
        expect(JSON.stringify(fillInputs(body, []))).toBe(JSON.stringify(body))
      }),
    )
    const hostile = JSON.parse('{"a":{"__proto__":{"x":1}}}')
    expect(JSON.stringify(fillInputs(hostile, []))).toBe('{"a":{"__proto__":{"x":1}}}')
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })
})
