import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ProviderLimits } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

/** Two keys at the vendor, each with two tasks of a model at once, and none of them known to us at first. */
const [KEY_A = '', KEY_B = ''] = ['a', 'b'].map((letter) => `key_${letter.repeat(128)}`)
const IMAGE = `data:image/png;base64,${readFileSync(new URL('../packages/simulator/media/output.png', import.meta.url)).toString('base64')}`
const lines: Record<string, unknown>[] = []

let house: House
beforeAll(async () => {
  house = await openHouse({
    simulator: { runway: { keys: [KEY_A, KEY_B], concurrency: 2 } },
    env: {
      RUNWAY_API_KEY: '',
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      LOG_LEVEL: 'warn',
      SUBMIT_CONCURRENCY: '8',
    },
    logTo: { write: (line) => lines.push(JSON.parse(line)) },
  })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

async function api(method: string, path: string, body?: unknown) {
  const response = await house.call(method, path, body)
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}

async function limitsOf(name: string) {
  const { keys } = ProviderLimits.parse(await api('GET', '/api/providers/runway/limits'))
  const key = keys.find((each) => each.name === name)
  if (!key) throw new Error(`no key ${name}`)
  return key
}

const keyInput = (name: string, value: string, more: object = {}) => ({
  name,
  value,
  models: ['*'],
  weight: 1,
  ...more,
})
const idOf = async (name: string) => {
  const { data } = (await api('GET', '/api/providers/runway/keys')) as { data: { id: string; name: string }[] } // our own answer
  return data.find((key) => key.name === name)?.id ?? ''
}
const change = async (name: string, changes: object) => {
  const id = await idOf(name)
  const known = (await api('GET', `/api/providers/runway/keys/${id}`)) as object // our own answer
  await api('PUT', `/api/providers/runway/keys/${id}`, { ...known, ...changes })
}
const tasks = () => house.simulator.runway.tasks()
const taskOf = (prompt: string) => tasks().find(({ marker }) => marker === prompt)
/** By the fingerprint that we and the vendor have in common: ours is shorter. */
const madeBy = (prompt: string) => taskOf(prompt)?.key.slice(0, 8)
const nameOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 8)
const isRunning = (id: string) =>
  expect.poll(async () => (await house.get(id)).upstream_status, { interval: 10, timeout: 5_000 }).toBe('RUNNING')
/** Until the worker goes by what was changed: so many keys of Runway take new tasks. */
const workerHas = (count: number) => {
  const expected = String(count + house.simulator.runware.keys.length)
  const found = async () => {
    const { checks } = (await (await fetch(`${house.workers[0]?.healthUrl}/readyz`)).json()) as Readiness // the worker's own answer
    return checks.provider_keys
  }
  return expect.poll(found, { interval: 10, timeout: 1_000 }).toBe(expected)
}
type Readiness = { checks: Record<string, string> }

test('jobs wait without a key and run when one is added, no more at once than the vendor runs', async () => {
  const jobs = await Promise.all(Array.from({ length: 5 }, (_, n) => house.post({ prompt: `first ${n}` })))
  const canceled = await house.post({ prompt: 'not wanted' })
  expect(tasks()).toEqual([])
  await api('POST', '/api/providers', { provider: 'runway', keys: [keyInput('a', KEY_A)] })
  await expect.poll(() => tasks().length, { interval: 5, timeout: 5_000 }).toBeGreaterThan(0)
  expect((await house.call('DELETE', `/v1/jobs/${canceled.id}`)).status).toBe(200)
  const ended = await Promise.all(jobs.map(({ id }) => house.ended(id)))
  expect(ended.map(({ status }) => status)).toEqual(jobs.map(() => 'succeeded'))
  expect(taskOf('not wanted')).toBeUndefined()
  const { models, ...key } = await limitsOf('a')
  expect(key).toMatchObject({ fingerprint: nameOf(KEY_A), usable: true, parked: false, rests: [], failure: null })
  expect(models.find(({ model }) => model === 'gen4.5')).toMatchObject({ limit: 2, limit_from: 'vendor' })
})

test('a disabled key finishes what it has, and the next job takes another', async () => {
  const { runway } = house.simulator
  runway.script({ runningMs: 20_000, match: { promptIncludes: 'with a' } })
  const before = await house.post({ prompt: 'with a' })
  await isRunning(before.id)
  await api('POST', '/api/providers/runway/keys', keyInput('b', KEY_B))
  await workerHas(2)
  await change('a', { enabled: false })
  expect(await limitsOf('a')).toMatchObject({ usable: false })
  await workerHas(1)
  const after = await house.post({ prompt: 'with b' })
  expect((await house.ended(after.id)).status).toBe('succeeded')
  expect((await house.ended(before.id)).status).toBe('succeeded')
  expect([madeBy('with a'), madeBy('with b')]).toEqual([nameOf(KEY_A), nameOf(KEY_B)])
})

test('39 a key that the vendor refuses is parked and told once, its jobs take another, and a new value is not parked (I1)', async () => {
  const { runway } = house.simulator
  await change('a', { enabled: true, weight: 0.001 })
  await workerHas(2)
  runway.revokeKey(KEY_B)
  const jobs = await Promise.all([1, 2, 3].map((n) => house.post({ prompt: `refused ${n}` })))
  const rests = [{ model: null, reason: 'provider_auth' }]
  await expect.poll(() => limitsOf('b'), { interval: 10 }).toMatchObject({ parked: true, rests })
  for (const { id } of jobs) expect((await house.ended(id)).status).toBe('succeeded')
  expect(jobs.map((_, n) => madeBy(`refused ${n + 1}`))).toEqual(jobs.map(() => nameOf(KEY_A)))
  const parked = lines.filter(({ msg, keyId }) => msg === 'provider key is parked' && keyId === nameOf(KEY_B))
  expect(parked).toHaveLength(1)
  runway.addKey(`${KEY_B}2`)
  await change('b', { value: `${KEY_B}2` })
  expect(await limitsOf('b')).toMatchObject({ parked: false, rests: [] })
  await change('a', { enabled: false })
  await workerHas(1)
  const { id } = await house.post({ prompt: 'renewed' })
  expect((await house.ended(id)).status).toBe('succeeded')
  expect(madeBy('renewed')).toBe(nameOf(`${KEY_B}2`))
})

test('a key that is deleted while its job runs brings the job to its end', async () => {
  house.simulator.runway.script({ runningMs: 20_000, match: { promptIncludes: 'orphan' } })
  const { id } = await house.post({ prompt: 'orphan' })
  await isRunning(id)
  const deleted = await api('DELETE', `/api/providers/runway/keys/${await idOf('b')}`)
  await workerHas(0)
  expect(deleted).toMatchObject({ deleted: true, retired: [{ jobs: { count: 1, ids: [id] } }] })
  expect((await house.ended(id)).status).toBe('succeeded')
})

test('a limit of our own goes before the vendor’s, and an alias is what the vendor is sent', async () => {
  const { keys, ...settings } = (await api('GET', '/api/providers/runway')) as { keys: { name: string }[] } // our own answer
  const [a] = keys.filter(({ name }) => name === 'a')
  const aliased = { ...a, enabled: true, aliases: { 'gen4.5': 'gen4_turbo' } }
  await api('PUT', '/api/providers/runway', { ...settings, keys: [aliased], limits: { 'gen4.5': { concurrency: 1 } } })
  await workerHas(1)
  const input = { model: 'gen4.5', promptText: 'aliased', promptImage: IMAGE, ratio: '1280:720', duration: 5 }
  const job = await house.post({ operation: 'image_to_video', input })
  expect(await house.ended(job.id)).toMatchObject({ status: 'succeeded', model: 'gen4.5' })
  expect(taskOf('aliased')?.model).toBe('gen4_turbo')
  const { models } = await limitsOf('a')
  expect(models.find(({ model }) => model === 'gen4.5')).toMatchObject({ limit: 1, limit_from: 'manual' })
})

test('no task was ever held back by the vendor', () => {
  expect(tasks().length).toBeGreaterThan(10)
  const throttled = tasks().filter((task) => task.startedAtMs !== task.createdAtMs)
  expect(throttled.map(({ marker }) => marker)).toEqual([])
})
