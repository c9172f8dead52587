import { ProblemError, Secret } from '@genqueue/contract'
import { expect, test } from 'vitest'
import { type AuthenticateOptions, createAuthenticate } from './authenticate.ts'
import { FailedAttempts } from './failed-attempts.ts'

const GOOD = 'good-key-0123456789-abcdefgh'
const keys = [
  { team: 'default', key: new Secret('first-key-0123456789-abcdef'), isAdmin: true as const },
  { team: 'blue', key: new Secret('blue-key-0123456789-abcdefg') },
]
const record = {
  id: 'key_01',
  team: 'red',
  name: 'x',
  scopes: ['jobs:read' as const],
  allowed: { providers: ['runway' as const] },
  limits: { requests_per_second: 5 },
  secrets: [],
  hint: '',
  createdAtMs: 0,
  createdBy: '',
}

function open(options: Partial<AuthenticateOptions> = {}) {
  const asked: string[] = []
  const authenticate = createAuthenticate(keys, {
    allowKeyless: false,
    teams: { settings: async () => ({ limits: { jobs_per_day: 7 }, allowed: { models: ['runway/*'] } }) },
    lookup: {
      isNew: () => true,
      async find(key) {
        asked.push(key)
        return key === GOOD ? record : undefined
      },
    },
    attempts: new FailedAttempts(),
    ...options,
  })
  const ask = (headers: Record<string, string>, url = 'http://localhost:8080/v1/videos', address = '192.0.2.1') =>
    authenticate({ headers: new Headers(headers), url, address: () => address })
  return { ask, asked }
}
const strict = open()
const keyless = open({ allowKeyless: true })
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

test.each([
  [{ authorization: 'Bearer blue-key-0123456789-abcdefg' }],
  [{ authorization: 'bearer  blue-key-0123456789-abcdefg ' }],
  [{ 'x-api-key': 'blue-key-0123456789-abcdefg' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg', authorization: 'Bearer blue-key-0123456789-abcdefg' }],
])('a key says whose request it is: %j', async (headers) => {
  expect(await strict.ask(headers)).toMatchObject({ team: 'blue', actor: 'environment:blue' })
})

test.each([
  [{}],
  [{ authorization: 'Bearer nobody-knows-this-key-at-all' }],
  [{ authorization: 'Bearer' }],
  [{ authorization: 'Basic blue-key-0123456789-abcdefg' }],
  [{ 'x-api-key': '' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdef' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg', 'x-api-key': GOOD }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg', authorization: 'Bearer first-key-0123456789-abcdef' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg', authorization: 'Basic blue-key-0123456789-abcdefg' }],
])('a missing, unknown or malformed key is refused, and so are two: %j', async (headers) => {
  await expect(strict.ask(headers)).rejects.toThrow(ProblemError)
})

test('a key in the query string is no key', async () => {
  const url = `http://localhost/v1/videos?api_key=blue-key-0123456789-abcdefg&key=${GOOD}`
  await expect(strict.ask({}, url)).rejects.toMatchObject({ code: 'unauthorized' })
})

test('a made key brings its own limits and restrictions beside those of its team', async () => {
  expect(await strict.ask(bearer(GOOD))).toEqual({
    team: 'red',
    scopes: new Set(['jobs:read']),
    actor: 'key_01',
    apiKeyId: 'key_01',
    limits: { team: { jobs_per_day: 7 }, key: { requests_per_second: 5 } },
    allowed: [{ models: ['runway/*'] }, { providers: ['runway'] }],
  })
})

test('without a key the own machine is the default team, where that is allowed; a wrong key stays wrong', async () => {
  expect(await keyless.ask({})).toMatchObject({ team: 'default', actor: 'keyless' })
  expect(await keyless.ask({}, 'http://[::1]:8080/v1/videos')).toMatchObject({ team: 'default' })
  await expect(keyless.ask({ authorization: 'Bearer sk-anything' })).rejects.toThrow(ProblemError)
})

test('pages of other sites in the same browser do not pass as the own machine', async () => {
  await expect(keyless.ask({ 'sec-fetch-site': 'cross-site' })).rejects.toThrow(ProblemError)
  await expect(keyless.ask({}, 'http://rebound.example.com:8080/v1/videos')).rejects.toThrow(ProblemError)
  for (const origin of [
    'https://evil.example',
    'http://localhost:3000',
    'http://localhost.evil.example:8080',
    'null',
  ]) {
    await expect(keyless.ask({ origin })).rejects.toThrow(ProblemError)
  }
  const own = { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-origin' }
  expect(await keyless.ask(own)).toHaveProperty('team')
})

test.each(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'])(
  'a request that a proxy or tunnel on the own machine passed on (%s) is not its own',
  async (name) => {
    await expect(keyless.ask({ [name]: '203.0.113.7' })).rejects.toThrow('Send an API key')
  },
)

test('after twenty wrong keys in a minute an address waits, and nobody is asked about most of its keys', async () => {
  let nowMs = 1_000_000
  const { ask, asked } = open({ attempts: new FailedAttempts(() => nowMs) })
  const guess = (n: number, address?: string) => ask(bearer(`guess-${n}-0123456789-abcdefgh`), undefined, address)
  for (let n = 0; n < 20; n += 1) await expect(guess(n)).rejects.toMatchObject({ code: 'unauthorized' })
  for (let n = 20; n < 120; n += 1) {
    await expect(guess(n)).rejects.toMatchObject({ code: 'too_many_attempts', headers: { 'retry-after': '60' } })
  }
  expect(asked.length).toBe(40)
  await expect(guess(0, '192.0.2.2')).rejects.toMatchObject({ code: 'unauthorized' })
  nowMs += 60_001
  await expect(guess(0)).rejects.toMatchObject({ code: 'unauthorized' })
})

test('a correct key passes from an address that guesses', async () => {
  const { ask } = open()
  for (let n = 0; n < 25; n += 1) await expect(ask(bearer('wrong-0123456789-abcdefghij'))).rejects.toThrow(ProblemError)
  expect(await ask(bearer('blue-key-0123456789-abcdefg'))).toMatchObject({ team: 'blue' })
  expect(await ask(bearer(GOOD))).toMatchObject({ team: 'red' })
  const flooded = open({
    lookup: { isNew: (key) => key !== GOOD, find: async (key) => (key === GOOD ? record : undefined) },
  })
  for (let n = 0; n < 100; n += 1)
    await expect(flooded.ask(bearer('wrong-0123456789-abcdefghij'))).rejects.toThrow(ProblemError)
  expect(await flooded.ask(bearer(GOOD))).toMatchObject({ team: 'red' })
})
