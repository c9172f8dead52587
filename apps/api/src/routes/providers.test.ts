import { exec } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { DeletedProviderKey, ProviderKeyResource, ProviderList, ProviderResource, Secret } from '@genqueue/contract'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'

const CANARY = 'canary_0123456789abcdefghijklmnopqrstuv'
const ENCRYPTION_KEYS = `k1:${randomBytes(32).toString('base64')}`
const SEED = {
  provider: 'runway',
  keys: [{ name: 'runway-key-1', value: 'env.RUNWAY_API_KEY', models: ['*'], weight: 1.0 }],
}
const lines: string[] = []
const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })

let house: OpenApi
const answers: string[] = []
beforeAll(async () => {
  house = await openApi({ ENCRYPTION_KEYS, RUNWARE_API_KEY: `${CANARY}env@2`, RUNWAY_API_KEY: `${CANARY}ref` }, log)
})
afterAll(() => house.close())
beforeEach(async () => {
  await house.redis.flushall()
})

async function call(method: string, path: string, body?: unknown, key?: string): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await house.fetch(`/api${path}`, { method, ...init, ...(key && { key }) })
  const text = await response.text()
  answers.push(text)
  // On a busy machine Redis may take longer than the API waits.
  if (response.status === 503) return call(method, path, body, key)
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) }
}
type Answer = { status: number; body: Record<string, unknown> | undefined }
const create = async (...keys: object[]) =>
  ProviderResource.parse((await call('POST', '/providers', { provider: 'runway', keys })).body)
const stored = (name: string, n = 1) => ({ name, value: `${CANARY}${n}` })

test('a key is set up, shown without its value, changed, and replaced by a new one', async () => {
  const { keys, revision } = await create({ ...stored('a'), weight: 2, blacklisted_models: ['veo3.1'] })
  const [key] = keys
  expect(key).toMatchObject({
    name: 'a',
    value: 'cana****************tuv1',
    source: 'stored',
    fingerprint: new Secret(`${CANARY}1`).fingerprint,
    models: ['*'],
    blacklisted_models: ['veo3.1'],
    weight: 2,
    enabled: true,
    warning: null,
  })
  const path = `/providers/runway/keys/${key?.id}`
  const kept = await call('PUT', path, { ...key, enabled: false, weight: 1 })
  expect(kept).toMatchObject({
    status: 200,
    body: { value: key?.value, fingerprint: key?.fingerprint, enabled: false },
  })
  const changed = ProviderKeyResource.parse((await call('PUT', path, { name: 'a', value: `${CANARY}2` })).body)
  expect(changed.fingerprint).not.toBe(key?.fingerprint)
  const now = ProviderResource.parse((await call('GET', '/providers/runway')).body)
  expect(now.keys.filter(({ source }) => source === 'stored')).toEqual([changed])
  expect(now.revision).not.toBe(revision)
  expect(now.retired).toMatchObject([{ key_id: key?.id, fingerprint: key?.fingerprint, jobs: { count: 0, ids: [] } }])
  expect(await call('GET', path)).toMatchObject({ status: 200, body: changed })
})

test('a whole answer can be sent back: what is masked keeps its value, what is missing is gone', async () => {
  const made = await create(stored('a', 1), stored('b', 2), { name: 'c', value: 'env.RUNWAY_API_KEY' })
  const again = ProviderResource.parse((await call('PUT', '/providers/runway', made)).body)
  const since = { revision: again.revision, updated_at: again.updated_at }
  expect({ ...again, keys: [] }).toEqual({ ...made, keys: [], ...since })
  expect(again.keys.map(({ fingerprint, id }) => [fingerprint, id])).toEqual(
    made.keys.map(({ fingerprint, id }) => [fingerprint, id]),
  )
  // Without ids, a key is known by its name.
  const keys = again.keys.slice(0, 1).map(({ name, value }) => ({ name, value }))
  const fewer = ProviderResource.parse((await call('PUT', '/providers/runway', { keys })).body)
  expect(fewer.keys.map(({ id }) => id)).toEqual([made.keys[0]?.id, expect.stringMatching(/^env_/)])
  expect(fewer.retired.map(({ name }) => name)).toEqual(['b', 'c'])
  expect(await call('PUT', '/providers/runway', again)).toMatchObject({
    status: 412,
    body: { code: 'revision_mismatch' },
  })
})

test('keys of the environment are shown beside the stored ones and are not changed here', async () => {
  const { data } = ProviderList.parse((await call('GET', '/providers')).body)
  expect(data.map(({ provider, keys }) => [provider, keys.map(({ name, source }) => [name, source])])).toEqual([
    ['runway', [['RUNWAY_API_KEY', 'environment']]],
    ['runware', [['RUNWARE_API_KEY', 'environment']]],
  ])
  const [key] = data[1]?.keys ?? []
  expect(key).toMatchObject({ value: 'cana****************venv', weight: 2, created_at: null })
  expect((await call('POST', '/providers/runware/keys', stored('mine'))).status).toBe(201)
  const path = `/providers/runware/keys/${key?.id}`
  expect(await call('GET', path)).toMatchObject({ status: 200, body: { source: 'environment' } })
  for (const refused of [
    await call('PUT', path, { ...key, enabled: false }),
    await call('DELETE', path),
    await call('PUT', '/providers/runware', { keys: [{ ...key, weight: 5 }] }),
    await call('DELETE', '/providers/runway'),
  ]) {
    expect(refused).toMatchObject({ status: 400, body: { code: 'not_supported' } })
    expect(refused.body?.detail).toContain('comes from the environment')
  }
  const all = (await call('GET', '/providers/runware')).body
  expect(await call('PUT', '/providers/runware', all)).toMatchObject({
    status: 200,
    body: { keys: [{ name: 'mine' }, key] },
  })
})

test('a deletion says which jobs still run with the value', async () => {
  const { keys } = await create(stored('a'))
  const [key] = keys
  await house.redis.sadd(`${house.keys.prefix}:users:${key?.fingerprint}`, 'job_1')
  const { body } = await call('DELETE', `/providers/runway/keys/${key?.id}`)
  expect(DeletedProviderKey.parse(body).retired).toMatchObject([{ jobs: { count: 1, ids: ['job_1'] } }])
  expect(await call('DELETE', `/providers/runway/keys/${key?.id}`)).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  })
  expect(await call('DELETE', '/providers/runway')).toMatchObject({ status: 200, body: { deleted: true, retired: [] } })
})

test('a variable that the API does not have is taken with a warning', async () => {
  const { keys } = await create({ name: 'later', value: 'env.RUNWAY_KEY_OF_THE_WORKERS' })
  expect(keys[0]).toMatchObject({ value: 'env.RUNWAY_KEY_OF_THE_WORKERS', fingerprint: null })
  expect(keys[0]?.warning).toContain('RUNWAY_KEY_OF_THE_WORKERS is not set')
})

test('rewrapping says how much it moved', async () => {
  await create(stored('a'))
  expect(await call('POST', '/encryption/rewrap')).toMatchObject({
    status: 200,
    body: { current_kid: 'k1', rewrapped: 0 },
  })
})

test('only who may administrate providers gets anywhere', async () => {
  for (const path of ['/providers', '/providers/runway', '/providers/runway/keys', '/providers/runway/keys/x']) {
    expect(await call('GET', path, undefined, OTHER_KEY)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  }
})

test('no value is in an answer, in Redis, or in a log', async () => {
  await create(stored('a'), stored('b', 2))
  await call('POST', '/providers/runway/keys', stored('a', 3))
  await call('PUT', '/providers/runway', { keys: [{ name: 'a', value: `${CANARY} with a space` }] })
  const dump: string[] = []
  for (const key of await house.redis.keys('*')) {
    const type = await house.redis.type(key)
    if (type === 'hash') dump.push(JSON.stringify(await house.redis.hgetall(key)))
    if (type === 'stream') dump.push(JSON.stringify(await house.redis.xrange(key, '-', '+')))
  }
  expect(dump.join()).toContain('gq1.k1.')
  expect(dump.join()).toContain('provider.create')
  expect(lines.join()).toContain('/api/providers')
  for (const text of [...dump, ...lines, ...answers]) expect(text).not.toContain(CANARY)
})

test("the seed page's curl works as it is printed", async () => {
  const plain = await openApi({ ADMIN_API_KEY: '', API_KEYS: '', RUNWAY_API_KEY: `${CANARY}ref` })
  const command = `curl --silent --location '${plain.url}/api/providers' \\
--header 'Content-Type: application/json' \\
--data '{
"provider": "runway",
"keys": [
{
"name": "runway-key-1",
"value": "env.RUNWAY_API_KEY",
"models": ["*"],
"weight": 1.0
}
]
}'`
  const hasCurl = await promisify(exec)('curl --version').then(
    () => true,
    () => false,
  )
  const again = () => plain.post('/api/providers', SEED, { key: null })
  const first = hasCurl ? (await promisify(exec)(command)).stdout : await (await again()).text()
  const { keys } = ProviderResource.parse(JSON.parse(first))
  expect(keys).toMatchObject([
    { name: 'runway-key-1', value: 'env.RUNWAY_API_KEY', weight: 1, enabled: true, source: 'stored', warning: null },
  ])
  const second = await again()
  expect([second.status, await second.json()]).toMatchObject([409, { code: 'already_exists', param: 'provider' }])
  await plain.close()
})
