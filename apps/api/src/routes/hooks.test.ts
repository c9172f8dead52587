import { hookToken, Secret } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, openApi } from '../api-fixture.ts'

const SECRET = 'a-secret-for-hooks-0123456789'
const JOB = { provider: 'runware', operation: 'videoInference', input: { model: 'klingai:5@3' } }

let house: OpenApi
beforeAll(async () => {
  house = await openApi({ HOOK_SECRET: SECRET, PUBLIC_URL: 'https://queue.example' })
})
afterAll(() => house.close())

const call = (token: string, body = '{}') =>
  fetch(`${house.url}/hooks/runware/${token}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
const dueMs = async (id: string) => Number(await house.redis.zscore(house.keys.due('runware'), id))
/** A job whose task is looked at in an hour. */
async function inFlight() {
  const { id } = (await (await house.post('/v1/jobs', JOB)).json()) as { id: string } // found below
  await house.submit(id)
  await house.redis.zadd(house.keys.due('runware'), 'XX', Date.now() + 3_600_000, id)
  return { id, token: hookToken(new Secret(SECRET), (await house.get(id)).clientRef) }
}

test('a call of the vendor makes the task due now, and changes nothing else', async () => {
  const { id, token } = await inFlight()
  const before = await house.get(id)
  const response = await call(token, '{"data": [{"status": "success"}]}')
  expect([response.status, await response.text()]).toEqual([204, ''])
  expect(await dueMs(id)).toBeLessThanOrEqual(Date.now())
  expect(await house.get(id)).toEqual(before)
})

test('a call again and again makes nobody look more often', async () => {
  const { id, token } = await inFlight()
  await call(token)
  const later = Date.now() + 3_600_000
  await house.redis.zadd(house.keys.due('runware'), 'XX', later, id)
  expect((await call(token)).status).toBe(204)
  expect(await dueMs(id)).toBe(later)
})

test('forged, early, late and odd calls are answered the same and do nothing', async () => {
  const { id, token } = await inFlight()
  const at = await dueMs(id)
  const foreign = hookToken(new Secret('another-secret-0123456789'), (await house.get(id)).clientRef)
  for (const odd of [foreign, `${token}x`, id, 'x', '%00', hookToken(new Secret(SECRET), crypto.randomUUID())]) {
    expect((await call(odd)).status).toBe(204)
  }
  expect(await dueMs(id)).toBe(at)
  const queued = (await (await house.post('/v1/jobs', JOB)).json()) as { id: string } // read below
  const { clientRef } = await house.get(queued.id)
  expect((await call(hookToken(new Secret(SECRET), clientRef))).status).toBe(204)
  expect(await house.redis.zscore(house.keys.due('runware'), queued.id)).toBeNull()
})

test('a large body is not waited for', async () => {
  const { token } = await inFlight()
  const startedMs = performance.now()
  expect((await call(token, 'x'.repeat(5_000_000))).status).toBe(204)
  expect(performance.now() - startedMs).toBeLessThan(2_000)
})

test('without a secret there is no such address', async () => {
  const plain = await openApi({ PUBLIC_URL: 'https://queue.example' })
  expect((await plain.fetch('/hooks/runware/x', { method: 'POST' })).status).toBe(404)
  await plain.close()
})
