import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseFieldName, setFormValue } from './form-value.ts'

function formOf(fields: readonly (readonly [string, string])[]) {
  const form = {}
  for (const [name, text] of fields) setFormValue(form, parseFieldName(name, 32), text, name)
  return form
}

/** As the openai SDK writes nested values. */
function fieldsOf(name: string, value: unknown): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(`${name}[]`, item))
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, item]) => fieldsOf(`${name}[${key}]`, item))
  }
  return [[name, String(value)]]
}

test('nested values come back from the fields that the SDK makes of them', () => {
  const key = fc.string({ minLength: 1 }).filter((text) => !/[[\]]|^__proto__$|^\$input$|^prototype$/.test(text))
  const text = fc.string()
  // All items of a list have the same fields, otherwise this wire cannot tell them apart.
  const list = fc.array(fc.record({ uri: text, tag: text, deep: fc.record({ x: text }) }), { minLength: 1 })
  const texts = fc.array(text, { minLength: 1 })
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, text, list, texts, fc.dictionary(key, tie('node'), { minKeys: 1 })),
  }))
  fc.assert(
    fc.property(fc.dictionary(key, node), (value) => {
      const fields = Object.entries(value).flatMap(([name, item]) => fieldsOf(name, item))
      expect(formOf(fields)).toEqual({ ...value })
    }),
    { numRuns: 100 },
  )
})

test('a field that the last item has already begins the next item', () => {
  const fields = [
    ['references[][uri]', 'a'],
    ['references[][tag]', 'A'],
    ['references[][uri]', 'b'],
    ['references[][uri]', 'c'],
    ['references[][tag]', 'C'],
  ] as const
  expect(formOf(fields)).toEqual({ references: [{ uri: 'a', tag: 'A' }, { uri: 'b' }, { uri: 'c', tag: 'C' }] })
})

test('names of Object.prototype are ordinary names', () => {
  expect(
    formOf([
      ['metadata[toString]', 'a'],
      ['hasOwnProperty', 'b'],
    ]),
  ).toEqual({
    metadata: { toString: 'a' },
    hasOwnProperty: 'b',
  })
})

test.each([
  [
    'a name twice',
    [
      ['a', '1'],
      ['a', '2'],
    ],
    'a',
  ],
  [
    'a value and an object',
    [
      ['a', '1'],
      ['a[b]', '2'],
    ],
    'a[b]',
  ],
  [
    'an object and a value',
    [
      ['a[b]', '1'],
      ['a', '2'],
    ],
    'a',
  ],
  [
    'a list and an object',
    [
      ['a[]', '1'],
      ['a[b]', '2'],
    ],
    'a[b]',
  ],
  ['an open bracket', [['a[b', '1']], 'a[b'],
  ['no name before the bracket', [['[b]', '1']], '[b]'],
  ['$input', [['a[$input]', '0']], 'a[$input]'],
  ['__proto__', [['__proto__[x]', '0']], '__proto__[x]'],
  ['constructor.prototype', [['a[constructor][prototype][x]', '0']], 'a[constructor][prototype][x]'],
] as const)('%s is refused by name', (_, fields, param) => {
  expect(() => formOf(fields)).toThrow(expect.objectContaining({ code: 'invalid_request', param }))
})

test('a name nested too deeply is refused', () => {
  expect(() => formOf([[`a${'[b]'.repeat(40)}`, '1']])).toThrow(expect.objectContaining({ code: 'json_too_deep' }))
})
