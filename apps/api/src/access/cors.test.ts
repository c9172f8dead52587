import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, openApi } from '../api-fixture.ts'

const OURS = 'https://app.example'
let house: OpenApi
beforeAll(async () => {
  house = await openApi({ CORS_ORIGINS: `${OURS},http://localhost:3000` })
})
afterAll(() => house.close())

const accessOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-')))
const preflight = (path: string, origin: string) =>
  house.fetch(path, { method: 'OPTIONS', key: null, headers: { origin, 'access-control-request-method': 'POST' } })

test('pages of the named origins may ask and read; credentials of the browser are never sent for', async () => {
  const asked = await preflight('/v1/videos', OURS)
  expect([asked.status, accessOf(asked)]).toEqual([
    204,
    {
      'access-control-allow-origin': OURS,
      'access-control-expose-headers': expect.stringContaining('idempotent-replayed'),
      'access-control-allow-methods': 'GET, POST, HEAD',
      'access-control-allow-headers': expect.stringContaining('authorization'),
      'access-control-max-age': '600',
    },
  ])
  const read = await house.fetch('/livez', { headers: { origin: OURS } })
  expect([read.headers.get('vary'), read.headers.get('access-control-allow-origin')]).toEqual(['origin', OURS])
  const refused = await house.fetch('/v1/videos', { key: null, headers: { origin: OURS } })
  expect(refused.headers.get('access-control-allow-origin')).toBe(OURS)
})

test.each([
  'https://evil.example',
  'https://app.example.evil',
  'https://evilapp.example',
  'http://app.example',
  'null',
])('pages of %s may not', async (origin) => {
  const asked = await preflight('/v1/videos', origin)
  expect([asked.status, accessOf(asked)]).toEqual([405, {}])
  const read = await house.fetch('/v1/videos', { headers: { origin } })
  expect([accessOf(read), read.headers.get('vary')]).toEqual([{}, 'origin'])
})

test('where nothing is, nothing may be asked', async () => {
  expect((await preflight('/v1/nothing', OURS)).status).toBe(404)
})

test('an address reached by plain http promises no https', async () => {
  expect((await house.fetch('/livez')).headers.get('strict-transport-security')).toBeNull()
})
