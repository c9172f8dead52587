import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, openApi } from '../api-fixture.ts'
import { startApi } from '../server.ts'

const LITERAL = 'canary_0123456789abcdefghijklmnopqrstuv'
const ENCRYPTION_KEYS = `k1:${randomBytes(32).toString('base64')}`
const KEY = { name: 'a', value: 'env.RUNWAY_KEY' }

let house: OpenApi
beforeAll(async () => {
  house = await openApi({ ENCRYPTION_KEYS })
  const there = { keys: [{ name: 'there', value: `${LITERAL}0` }] }
  expect((await put('/api/providers/runway', there))[0]).toBe(200)
})
afterAll(() => house.close())

type Problem = { code: string; param: string | null; detail: string }
async function put(path: string, body: unknown, method = 'PUT'): Promise<[number, Problem]> {
  const init = { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await house.fetch(path, init)
  // On a busy machine Redis may take longer than the API waits.
  if (response.status === 503) return put(path, body, method)
  return [response.status, (await response.json()) as Problem] // compared
}

const keys = (...all: object[]) => ({ keys: all })
const withKey = (more: object) => keys({ ...KEY, ...more })

test.each<[string, object, string, string | null, string]>([
  ['a parameter nobody knows', { proxy_config: {} }, 'unknown_parameter', 'proxy_config', 'is not a parameter'],
  [
    'an unknown field of a key',
    withKey({ use_for_batch_api: true }),
    'unknown_parameter',
    'keys[0][use_for_batch_api]',
    'is not a parameter',
  ],
  ['another provider than the address', { provider: 'runware' }, 'invalid_request', 'provider', 'must be runway'],
  ['settings without the keys that are stored', { concurrency: 2 }, 'missing_parameter', 'keys', 'runway has 1'],
  ['keys that are no list', { keys: {} }, 'invalid_request', 'keys', 'must be an array'],
  [
    '65 keys',
    keys(...Array.from({ length: 65 }, (_, n) => ({ ...KEY, name: `k${n}` }))),
    'invalid_request',
    'keys',
    'at most 64 keys',
  ],
  ['a key without a name', keys({ value: 'env.RUNWAY_KEY' }), 'missing_parameter', 'keys[0][name]', 'is missing'],
  ['a key without a value', keys({ name: 'a' }), 'missing_parameter', 'keys[0][value]', 'is missing'],
  ['a name with a line break', withKey({ name: 'a\nb' }), 'invalid_request', 'keys[0][name]', 'letters, digits'],
  [
    'a name twice',
    keys(KEY, { ...KEY, value: 'env.RUNWAY_KEY_2' }),
    'already_exists',
    'keys[1][name]',
    'another key called a',
  ],
  ['a value twice', keys(KEY, { ...KEY, name: 'b' }), 'already_exists', 'keys[1][value]', 'the value of the key a'],
  [
    'a literal twice',
    keys({ name: 'a', value: LITERAL }, { name: 'b', value: LITERAL }),
    'already_exists',
    'keys[1][value]',
    'the value of the key a',
  ],
  ['an empty value', withKey({ value: '' }), 'invalid_request', 'keys[0][value]', 'at least 1 character'],
  [
    'a value with a line break',
    withKey({ value: 'key_0123\r\nx-a: b' }),
    'invalid_request',
    'keys[0][value]',
    'visible ASCII',
  ],
  ['a short value', withKey({ value: 'key_1' }), 'invalid_request', 'keys[0][value]', '8 to 512'],
  [
    'a masked value of nothing',
    withKey({ value: `cana${'*'.repeat(16)}tuv0` }),
    'invalid_request',
    'keys[0][value]',
    'masked value of another key',
  ],
  [
    'our own encryption keys',
    withKey({ value: 'env.ENCRYPTION_KEYS' }),
    'invalid_request',
    'keys[0][value]',
    "the service's own",
  ],
  [
    'a variable in small letters',
    withKey({ value: 'env.runway_key' }),
    'invalid_request',
    'keys[0][value]',
    'capital letters',
  ],
  [
    'a variable outside the pattern',
    withKey({ value: 'env.DATABASE_URL' }),
    'invalid_request',
    'keys[0][value]',
    'may be used',
  ],
  ['an id of no key', withKey({ id: 'pk_unknown' }), 'invalid_request', 'keys[0][id]', 'no key of this provider'],
  ['a negative weight', withKey({ weight: -1 }), 'invalid_request', 'keys[0][weight]', 'at least 0'],
  ['a weight in words', withKey({ weight: 'all' }), 'invalid_request', 'keys[0][weight]', 'must be a number'],
  [
    '* beside a model',
    withKey({ models: ['*', 'gen4.5'] }),
    'invalid_request',
    'keys[0][models]',
    'alone, for all models',
  ],
  ['models in one text', withKey({ models: 'gen4.5' }), 'invalid_request', 'keys[0][models]', 'must be an array'],
  [
    'an alias to nothing',
    withKey({ aliases: { fast: '' } }),
    'invalid_request',
    'keys[0][aliases][fast]',
    'at least 1',
  ],
  ['enabled in words', withKey({ enabled: 'yes' }), 'invalid_request', 'keys[0][enabled]', 'true or false'],
  ['a base URL that is none', { base_url: 'runway' }, 'invalid_url', 'base_url', 'cannot be parsed'],
  ['a base URL without TLS', { base_url: 'http://api.example.com' }, 'blocked_url', 'base_url', 'EGRESS_ALLOW'],
  ['the metadata service', { base_url: 'https://169.254.169.254/' }, 'blocked_url', 'base_url', 'EGRESS_ALLOW'],
  ['our own machine', { base_url: 'https://localhost' }, 'blocked_url', 'base_url', 'EGRESS_ALLOW'],
  [
    'a base URL with a password',
    { base_url: 'https://a:b@api.example.com' },
    'invalid_url',
    'base_url',
    'user name or password',
  ],
  ['a base URL with a query', { base_url: 'https://api.example.com?a=b' }, 'invalid_url', 'base_url', 'no query'],
  ['no time at all', { timeouts: { submit_seconds: 0 } }, 'invalid_request', 'timeouts[submit_seconds]', 'at least 1'],
  [
    'an unknown timeout',
    { timeouts: { copy_seconds: 1 } },
    'unknown_parameter',
    'timeouts[copy_seconds]',
    'is not a parameter',
  ],
  ['half a task', { concurrency: 1.5 }, 'invalid_request', 'concurrency', 'must be a whole number'],
  [
    'a limit per week',
    { limits: { 'gen4.5': { per_week: 1 } } },
    'unknown_parameter',
    'limits[gen4.5][per_week]',
    'is not a parameter',
  ],
])('%s is refused in words that help', async (_name, body, code, param, words) => {
  const before = await house.redis.hgetall(`${house.keys.prefix}:provider:runway`)
  const [status, problem] = await put('/api/providers/runway', body)
  expect([problem.code, problem.param]).toEqual([code, param])
  expect(status).toBe(code === 'already_exists' ? 409 : 400)
  expect(problem.detail).toContain(words)
  expect(JSON.stringify(problem)).not.toContain(LITERAL)
  expect(await house.redis.hgetall(`${house.keys.prefix}:provider:runway`)).toEqual(before)
})

test('addresses of nothing are not found, and names are told in the words of the address', async () => {
  for (const path of ['/api/providers/sora', '/api/providers/runware', '/api/providers/runway/keys/pk_x']) {
    const response = await house.fetch(path)
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'not_found' }])
  }
  expect(await put('/api/providers', { provider: 'sora' }, 'POST')).toMatchObject([400, { param: 'provider' }])
  expect(await put('/api/providers', {}, 'POST')).toMatchObject([400, { code: 'missing_parameter', param: 'provider' }])
  const keysPath = '/api/providers/runway/keys'
  expect(await put(keysPath, { ...KEY, name: 'there' }, 'POST')).toMatchObject([409, { param: 'name' }])
  expect(await put(keysPath, { name: 'b', value: `${LITERAL}0` }, 'POST')).toMatchObject([409, { param: 'value' }])
  expect(await put(keysPath, { ...KEY, id: 'pk_x' }, 'POST')).toMatchObject([400, { param: 'id' }])
  expect(await put(`${keysPath}/pk_x`, KEY)).toMatchObject([404, { code: 'not_found' }])
})

test('without an encryption key a literal is refused and says what would be right; a reference is taken', async () => {
  const plain = await openApi()
  const response = await plain.post('/api/providers', { provider: 'runway', keys: [{ name: 'a', value: LITERAL }] })
  const problem = (await response.json()) as Problem // compared
  expect([response.status, problem]).toMatchObject([409, { code: 'encryption_unavailable', param: 'keys[0][value]' }])
  expect(problem.detail).toMatch(/ENCRYPTION_KEYS.*env\.NAME/)
  expect((await plain.post('/api/providers', { provider: 'runway', keys: [KEY] })).status).toBe(201)
  expect((await plain.post('/api/encryption/rewrap', {})).status).toBe(409)
  await plain.close()
})

test('a process without the key that secrets are encrypted with does not start, and says which', async () => {
  const { config } = house
  const without = { ...config, providerKeys: { ...config.providerKeys, encryptionKeys: [] } }
  await expect(startApi(without, pino({ level: 'silent' }))).rejects.toThrow('ENCRYPTION_KEYS lacks k1')
})
