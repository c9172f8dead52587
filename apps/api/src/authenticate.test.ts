import { ProblemError, Secret } from '@genqueue/contract'
import { expect, test } from 'vitest'
import { createAuthenticate } from './authenticate.ts'

const keys = [
  { team: 'default', key: new Secret('first-key-0123456789-abcdef') },
  { team: 'blue', key: new Secret('blue-key-0123456789-abcdefg') },
]
const asks = (headers: Record<string, string>, url = 'http://localhost:8080/v1/videos') => ({
  headers: new Headers(headers),
  url,
})
const strict = createAuthenticate(keys, { allowKeyless: false })
const keyless = createAuthenticate(keys, { allowKeyless: true })

test.each([
  [{ authorization: 'Bearer blue-key-0123456789-abcdefg' }],
  [{ authorization: 'bearer  blue-key-0123456789-abcdefg ' }],
  [{ 'x-api-key': 'blue-key-0123456789-abcdefg' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdefg' }],
])('a key says whose request it is: %j', (headers) => {
  expect(strict(asks(headers))).toMatchObject({ team: 'blue' })
})

test.each([
  [{}],
  [{ authorization: 'Bearer nobody-knows-this-key-at-all' }],
  [{ authorization: 'Bearer' }],
  [{ authorization: 'Basic blue-key-0123456789-abcdefg' }],
  [{ 'x-api-key': '' }],
  [{ 'x-bf-vk': 'blue-key-0123456789-abcdef' }],
])('a missing, unknown or malformed key is refused: %j', (headers) => {
  expect(() => strict(asks(headers))).toThrow(ProblemError)
})

test('a key in the query string is no key', () => {
  const url = 'http://localhost/v1/videos?api_key=blue-key-0123456789-abcdefg&key=blue-key-0123456789-abcdefg'
  expect(() => strict(asks({}, url))).toThrow(ProblemError)
})

test('without a key the own machine is the default team, where that is allowed; a wrong key stays wrong', () => {
  expect(keyless(asks({}))).toMatchObject({ team: 'default' })
  expect(keyless(asks({}, 'http://[::1]:8080/v1/videos'))).toMatchObject({ team: 'default' })
  expect(() => keyless(asks({ authorization: 'Bearer sk-anything' }))).toThrow(ProblemError)
})

test('pages of other sites in the same browser do not pass as the own machine', () => {
  expect(() => keyless(asks({ 'sec-fetch-site': 'cross-site' }))).toThrow(ProblemError)
  expect(() => keyless(asks({}, 'http://rebound.example.com:8080/v1/videos'))).toThrow(ProblemError)
})
