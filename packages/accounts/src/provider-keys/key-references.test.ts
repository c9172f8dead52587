import { expect, test } from 'vitest'
import { KeyReferences } from './key-references.ts'
import { KeyReferencePattern } from './key-variables.ts'

const USUAL = KeyReferencePattern.parse(undefined)
const OURS = [
  'ENCRYPTION_KEYS',
  'REDIS_URL',
  'ADMIN_API_KEY',
  'API_KEYS',
  'WEBHOOK_SECRET',
  'WEBHOOK_SIGNING_KEY',
  'HOOK_SECRET',
  'METRICS_TOKEN',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'RUNWAY_BASE_URL',
  'RUNWARE_BASE_URL',
]
const AWS = ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID', 'AWS_SESSION_TOKEN']

const reading = (env: Record<string, string>, pattern = USUAL) => new KeyReferences({ env, pattern })

test('a variable that the pattern allows is read when it is used', () => {
  const env: Record<string, string> = { RUNWAY_API_KEY: ' key_1@3 ' }
  const references = reading(env)
  const found = references.resolve('env.RUNWAY_API_KEY')
  expect(found.kind === 'value' && found.value.reveal()).toBe('key_1')
  expect(references.resolve('env.RUNWARE_KEY_2')).toMatchObject({ kind: 'unset' })
  env.RUNWARE_KEY_2 = 'key_2'
  expect(references.resolve('env.RUNWARE_KEY_2')).toMatchObject({ kind: 'value' })
})

test.each([...OURS, ...AWS])('%s is never read, whatever the pattern', (name) => {
  const references = reading({ [name]: 'a-secret-of-our-own' }, /.*/)
  expect(references.refusal(`env.${name}`)).toContain(name)
  expect(references.resolve(`env.${name}`)).toMatchObject({ kind: 'refused' })
})

test.each(['HOME', 'DATABASE_URL', 'MY_RUNWAY_KEY', 'RUNWAY_'])('%s does not match the usual pattern', (name) => {
  expect(reading({ [name]: 'x' }).resolve(`env.${name}`)).toMatchObject({ kind: 'refused' })
})

test.each([
  '',
  'a',
  'runway_key',
  'RUNWAY_KEY ',
  'RUNWAY-KEY',
  '__proto__',
  'constructor',
  'R'.repeat(65),
  'RUNWAY_KEY\n',
])('"%s" is no name of a variable', (name) => {
  expect(reading({ [name]: 'x' }, /.*/).resolve(`env.${name}`)).toMatchObject({ kind: 'refused' })
})

test('what cannot be one key is not used', () => {
  for (const value of ['key_1,key_2', 'key 1', 'key\r\nx-injected: 1', 'schlüssel', 'x'.repeat(513)]) {
    expect(reading({ RUNWAY_API_KEY: value }).resolve('env.RUNWAY_API_KEY')).toMatchObject({ kind: 'unusable' })
  }
})
