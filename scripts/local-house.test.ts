import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type LocalHouse, openLocalHouse } from './local-house.ts'
import { ROOT } from './source-files.ts'

const NAME = 'local-house-test'

let house: LocalHouse
beforeAll(async () => {
  for (const name of ['REDIS_URL', 'STORAGE_URL', 'ENCRYPTION_KEYS', 'RUNWAY_API_KEY', 'RUNWARE_API_KEY']) {
    vi.stubEnv(name, undefined)
  }
  house = await openLocalHouse({ name: NAME, speed: 1, reload: false })
}, 40_000)
afterAll(async () => {
  await house.stop()
  await rm(join(ROOT, '.data', NAME), { recursive: true })
  vi.unstubAllEnvs()
})

const post = async (path: string, body: object) => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await fetch(`${house.apiUrl}${path}`, init)).status
}

test('the house of npm run dev stores provider keys and webhook secrets without a setting or a key', async () => {
  const keys = [{ name: 'mine', value: house.simulator?.runway.keys[0] }]
  expect(await post('/api/providers', { provider: 'runway', keys })).toBe(201)
  const endpoint = { name: 'mine', url: 'http://127.0.0.1:9/hook', event_types: ['video.*'] }
  expect(await post('/v1/webhook_endpoints', endpoint)).toBe(200)
})
