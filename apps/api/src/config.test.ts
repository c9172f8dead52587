import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { ConfigError, parseConfig } from './config.ts'

const NEEDED = { REDIS_URL: 'redis://127.0.0.1:6379', STORAGE_URL: 'file:///tmp/genqueue' }
const KEY = 'a-key-of-twenty-four-characters'

function faultOf(env: Record<string, string>): string {
  try {
    parseConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('expected the configuration to be refused')
}

test('every bad variable is named in one error', () => {
  const fault = faultOf({ REDIS_URL: 'http://x', PORT: '99999', EGRESS_ALLOW: '10.0.0.0/99', LOG_LEVEL: 'loud' })
  for (const name of ['REDIS_URL', 'PORT', 'EGRESS_ALLOW', 'LOG_LEVEL', 'STORAGE_URL is not set']) {
    expect(fault).toContain(name)
  }
})

test('a number that is none is called wrong, not missing', () => {
  expect(faultOf({ ...NEEDED, PORT: 'http' })).toMatch(/PORT: /)
})

test('production does not start without the admin key', () => {
  expect(faultOf({ ...NEEDED, NODE_ENV: 'production', API_KEYS: `blue=${KEY}` })).toContain('ADMIN_API_KEY')
  const config = parseConfig({ ...NEEDED, NODE_ENV: 'production', ADMIN_API_KEY: KEY })
  expect(config).toMatchObject({ host: '0.0.0.0', allowKeyless: false })
})

test('development takes requests without a key on loopback only, and needs keys elsewhere', () => {
  expect(parseConfig(NEEDED)).toMatchObject({ host: '127.0.0.1', port: 8080, allowKeyless: true })
  expect(faultOf({ ...NEEDED, HOST: '0.0.0.0' })).toContain('HOST')
  expect(parseConfig({ ...NEEDED, HOST: '0.0.0.0', API_KEYS: `blue=${KEY}` }).allowKeyless).toBe(false)
  expect(parseConfig({ ...NEEDED, TRUST_PROXY_HOPS: '1' }).allowKeyless).toBe(false)
})

test('prices are JSON that names a price for a vendor’s model, and what is wrong with them is said', () => {
  const own = '{"credit_usd":0.02,"models":{"runware/*":{"per_result":0.01}}}'
  expect(parseConfig({ ...NEEDED, PRICES: own }).prices).toEqual(JSON.parse(own))
  expect(parseConfig({ ...NEEDED, PRICES: '' }).prices).toEqual({ credit_usd: 0.01, models: {} })
  expect(faultOf({ ...NEEDED, PRICES: '{' })).toContain('PRICES: is not JSON')
  expect(faultOf({ ...NEEDED, PRICES: '{"models":{"runway/gen4.5":{}}}' })).toContain('needs per_second')
  expect(faultOf({ ...NEEDED, PRICES: '{"models":{"gen4.5":{"per_task":1}}}' })).toContain('models.gen4.5')
})

test('administrators’ port is another one than that of everybody', () => {
  expect(parseConfig({ ...NEEDED, ADMIN_PORT: '9090' }).adminPort).toBe(9090)
  expect(faultOf({ ...NEEDED, ADMIN_PORT: '8080' })).toContain('ADMIN_PORT')
})

test('an empty variable is an absent one', () => {
  expect(parseConfig({ ...NEEDED, ADMIN_API_KEY: '', PORT: '', API_KEYS: '' })).toMatchObject({
    port: 8080,
    teamKeys: [],
  })
})

test('keys have one team each, a sensible length, and are never printed', () => {
  const config = parseConfig({ ...NEEDED, ADMIN_API_KEY: KEY, API_KEYS: `blue=${KEY}2, red=${KEY}3` })
  expect(config.teamKeys.map(({ team }) => team)).toEqual(['blue', 'red', 'default'])
  expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain(KEY)
  for (const API_KEYS of ['blue=short', `blue=${KEY},red=${KEY}`, KEY, `Bl ue=${KEY}`]) {
    const fault = faultOf({ ...NEEDED, API_KEYS })
    expect(fault).toContain('API_KEYS')
    expect(fault).not.toContain(KEY)
  }
  expect(faultOf({ ...NEEDED, ADMIN_API_KEY: KEY, API_KEYS: `blue=${KEY}` })).toContain('API_KEYS')
})
