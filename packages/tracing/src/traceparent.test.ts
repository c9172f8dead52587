import { expect, test } from 'vitest'
import { readTraceparent, writeTraceparent } from './traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('a traceparent is read as the standard has it, and written again in 55 characters', () => {
  const context = readTraceparent(`00-${TRACE}-${SPAN}-01`)
  expect(context).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1 })
  expect(context && writeTraceparent(context)).toBe(`00-${TRACE}-${SPAN}-01`)
  expect(readTraceparent(`cc-${TRACE}-${SPAN}-fe-later`)).toEqual({ traceId: TRACE, spanId: SPAN, flags: 0 })
})

test.each([
  null,
  undefined,
  '',
  'x'.repeat(10_000),
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-01\r\nx-admin: 1`,
  `${`00-${TRACE}-${SPAN}-01,`.repeat(2)}`,
])('%j is as good as absent', (text) => {
  expect(readTraceparent(text)).toBeUndefined()
})
