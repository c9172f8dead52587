import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coerceForm } from './coerce-form.ts'

test('numbers and booleans of unknown fields come back from their text, unless a number would change', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => (Object.is(it, -0) ? 0 : it))
  fc.assert(
    fc.property(fc.oneof(number, fc.maxSafeInteger(), fc.boolean()), (given) => {
      const changes = Number.isInteger(given) && !Number.isSafeInteger(given)
      expect(coerceForm({ x: String(given) }, {})).toEqual({ x: changes ? String(given) : given })
    }),
  )
})

test('text that is not exactly a number, true or false stays as it is', () => {
  const text = fc.string().filter((it) => !/^(?:-?\d[\d.eE+-]*|true|false)$/.test(it))
  fc.assert(fc.property(text, (it) => void expect(coerceForm({ x: it }, {})).toEqual({ x: it })))
  for (const it of [
    '',
    ' 5',
    '5 ',
    '05',
    '+5',
    '.5',
    '5.',
    '0x10',
    '1e999',
    '9007199254740993',
    'TRUE',
    'null',
    'NaN',
  ]) {
    expect(coerceForm({ x: it }, {})).toEqual({ x: it })
  }
})

test('prompt, model, seconds, size and metadata stay text whatever they look like', () => {
  const form = { prompt: '1', model: '2', seconds: '5', size: 'true', metadata: { a: '1', b: 'false' }, n: '3' }
  expect(coerceForm(form, { seconds: 'integer' })).toEqual({ ...form, n: 3 })
})

test('a declared type is kept to, and text that does not fit it is left for the schema to refuse', () => {
  const shape = { tag: 'text', seed: 'integer', audio: 'boolean', extra: 'json', 'list[][tag]': 'text' } as const
  const form = { tag: '1', seed: '7', audio: 'true', extra: '{"a":[1]}', list: [{ tag: '1', n: '1' }] }
  expect(coerceForm(form, shape)).toEqual({
    tag: '1',
    seed: 7,
    audio: true,
    extra: { a: [1] },
    list: [{ tag: '1', n: 1 }],
  })
  const unfit = { seed: '1.5', audio: '1', extra: '{' }
  expect(coerceForm(unfit, shape)).toEqual(unfit)
})

test('JSON inside a form is held to the same rules as a body', () => {
  const coerce = (json: string) => () => coerceForm({ extra: json }, { extra: 'json' })
  expect(coerce('{"a":{"$input":0}}')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  expect(coerce('{"__proto__":{}}')).toThrow(expect.objectContaining({ code: 'invalid_request' }))
  expect(coerce('['.repeat(9000) + ']'.repeat(9000))).toThrow(expect.objectContaining({ code: 'json_too_deep' }))
})

test('places of stored inputs stay', () => {
  const form = { input_reference: { $input: 0 }, references: [{ uri: { $input: 1 } }] }
  expect(coerceForm(form, {})).toEqual(form)
})
