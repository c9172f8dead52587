import { parseConfig } from '@genqueue/api'
import { readWorkerConfig } from '@genqueue/worker'
import { expect, test } from 'vitest'

type Env = Record<string, string>

const KEY = 'a-key-of-twenty-four-characters'
const WHSEC = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const BOTH = { REDIS_URL: 'redis://127.0.0.1:6379', STORAGE_URL: 'file:///tmp/genqueue', NODE_ENV: 'production' }
const startApi = (env: Env) => parseConfig({ ...BOTH, ADMIN_API_KEY: KEY, ...env })
const startWorker = (env: Env) => readWorkerConfig({ ...BOTH, WEBHOOK_SECRET: WHSEC, ...env })

test.each<[string, (env: Env) => unknown, Env, RegExp]>([
  ['production without an admin key', startApi, { ADMIN_API_KEY: '' }, /ADMIN_API_KEY/],
  ['an admin key that is short', startApi, { ADMIN_API_KEY: 'admin' }, /ADMIN_API_KEY/],
  ['an admin key with blanks', startApi, { ADMIN_API_KEY: 'a key of many words, none secret' }, /ADMIN_API_KEY/],
  ['an admin key of one character', startApi, { ADMIN_API_KEY: 'x'.repeat(32) }, /ADMIN_API_KEY/],
  ['a team key that is short', startApi, { API_KEYS: 'blue=short' }, /API_KEYS/],
  ['a team key that is the admin key', startApi, { API_KEYS: `blue=${KEY}` }, /API_KEYS/],
  ['one key for two teams', startApi, { API_KEYS: `blue=${KEY}1,red=${KEY}1` }, /API_KEYS/],
  ['a public address without keys', startApi, { NODE_ENV: 'test', HOST: '0.0.0.0', ADMIN_API_KEY: '' }, /HOST/],
  ['a public IPv6 address without keys', startApi, { NODE_ENV: 'test', HOST: '::', ADMIN_API_KEY: '' }, /HOST/],
  ['a hook secret that is short', startApi, { HOOK_SECRET: 'short' }, /HOOK_SECRET/],
  ['any origin', startApi, { CORS_ORIGINS: '*' }, /CORS_ORIGINS/],
  ['an origin with a path', startApi, { CORS_ORIGINS: 'https://app.example/x' }, /CORS_ORIGINS/],
  ['a pattern of origins', startApi, { CORS_ORIGINS: 'https://*.example' }, /CORS_ORIGINS/],
  ['the origin null', startApi, { CORS_ORIGINS: 'null' }, /CORS_ORIGINS/],
  ['a range that is none', startApi, { EGRESS_ALLOW: '10.0.0.0/33' }, /EGRESS_ALLOW/],
  ['a Redis that is none', startApi, { REDIS_URL: 'http://127.0.0.1' }, /REDIS_URL/],
  ['a worker without a webhook secret', startWorker, { WEBHOOK_SECRET: '' }, /WEBHOOK_SECRET/],
  ['an empty webhook secret', startWorker, { WEBHOOK_SECRET: 'whsec_' }, /WEBHOOK_SECRET/],
  ['a webhook secret that is short', startWorker, { WEBHOOK_SECRET: 'whsec_c2hvcnQ=' }, /WEBHOOK_SECRET/],
  ['a webhook secret in plain text', startWorker, { WEBHOOK_SECRET: KEY }, /WEBHOOK_SECRET/],
  ['a signing key that is short', startWorker, { WEBHOOK_SIGNING_KEY: 'whsk_c2hvcnQ=' }, /WEBHOOK_SIGNING_KEY/],
  ['a signing key that is a secret', startApi, { WEBHOOK_SIGNING_KEY: WHSEC }, /WEBHOOK_SIGNING_KEY/],
  ['a worker’s hook secret that is short', startWorker, { HOOK_SECRET: 'short' }, /HOOK_SECRET/],
  ['a world that runs faster than ours', startWorker, { SPEED: '100' }, /SPEED/],
  ['a vendor at no http address', startWorker, { RUNWAY_BASE_URL: 'ftp://vendor.example' }, /RUNWAY_BASE_URL/],
  ['a worker’s range that is none', startWorker, { EGRESS_ALLOW: 'all' }, /EGRESS_ALLOW/],
])('does not start: %s', (_, start, env, named) => {
  expect(() => start(env)).toThrow(named)
})

test('what does not start is told without its value', () => {
  const secret = 'tell-nobody-about'
  const wrong = { ADMIN_API_KEY: secret, API_KEYS: `blue=${secret}`, HOOK_SECRET: `${secret} \u00ef` }
  const told: unknown[] = []
  for (const [start, env] of [
    [startApi, wrong],
    [startWorker, { WEBHOOK_SECRET: secret, HOOK_SECRET: `${secret} \u00ef` }],
  ] as const) {
    try {
      start(env)
    } catch (error) {
      told.push(String(error))
    }
  }
  expect(told).toHaveLength(2)
  expect(told.join()).not.toContain(secret)
})

test('starts with what is sound', () => {
  expect(
    startApi({ API_KEYS: `blue=${KEY}1`, CORS_ORIGINS: 'https://app.example, http://localhost:3000' }),
  ).toMatchObject({
    allowKeyless: false,
    corsOrigins: new Set(['https://app.example', 'http://localhost:3000']),
  })
  expect(startWorker({})).toMatchObject({ SPEED: 1 })
})
