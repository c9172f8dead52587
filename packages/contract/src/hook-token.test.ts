import { expect, test } from 'vitest'
import { hookToken, readHookToken } from './hook-token.ts'
import { Secret } from './secret.ts'

const secret = new Secret('a-secret-of-the-operator')
const REF = '0f8fad5b-d9cb-469f-a165-70867728950e'

test('a token names the task it was made for, whatever case the id was in', () => {
  expect(readHookToken(secret, hookToken(secret, REF.toUpperCase()))).toBe(REF)
})

test('a token that was changed, cut or made with another secret names nothing', () => {
  const token = hookToken(secret, REF)
  const [ref = '', proof = ''] = token.split('.')
  const foreign = hookToken(new Secret('somebody else, for a change'), REF)
  const flipped = `${ref}.${proof.startsWith('A') ? 'B' : 'A'}${proof.slice(1)}`
  const moved = `${ref.replace('0f8', '0f9')}.${proof}`
  for (const forged of [foreign, flipped, moved, token.slice(0, -1), `${token}A`, ref, '', `${ref}.`]) {
    expect(readHookToken(secret, forged)).toBeUndefined()
  }
})
