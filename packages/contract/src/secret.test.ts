import { format, inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Secret } from './secret.ts'

test('no printer, serialiser or template gives a secret away; only reveal does', () => {
  const secret = new Secret('canary-7f3a')
  const error = Object.assign(new Error('failed', { cause: { secret } }), { secret })
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ deep: [{ secret }] }),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    format('%s %o %j', secret, secret, { secret }),
    inspect(error, { depth: 9 }),
    JSON.stringify(Object.entries(secret)),
  ].join('\n')
  expect(shown).not.toContain('canary')
  expect(secret.reveal()).toBe('canary-7f3a')
  expect(secret.fingerprint).toMatch(/^[0-9a-f]{8}$/)
})
