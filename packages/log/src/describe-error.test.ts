import { expect, test } from 'vitest'
import { describeError } from './describe-error.ts'

test('an error is told by what it is, not by what it carries', () => {
  const error = Object.assign(new Error('ERR no such thing', { cause: new Error('inner') }), {
    code: 'ERR',
    command: { name: 'hset', args: ['canary'] },
  })
  const told = describeError(error)
  expect(told).toMatchObject({ type: 'Error', code: 'ERR', message: 'ERR no such thing', cause: { message: 'inner' } })
  expect(JSON.stringify(told)).not.toContain('canary')
})
