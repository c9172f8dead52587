import { createHash, randomBytes } from 'node:crypto'
import { parseConfig, type RunningApi, startApi } from '@genqueue/api'
import { JobResource, NewApiKey, ProviderResource, verifyWebhook } from '@genqueue/contract'
import { createLog } from '@genqueue/log'
import type { RunningWorker } from '@genqueue/worker'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { everythingIn } from './everything-in.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'
import { asking, SteadyTraffic } from './steady-traffic.ts'

const [ENVIRONMENT = '', FIRST = '', SECOND = ''] = ['e', 'f', 's'].map((letter) => `key_${letter.repeat(128)}`)
const [RUNWARE_FIRST = '', RUNWARE_SECOND = ''] = ['f', 's'].map((letter) => `runware-${letter.repeat(32)}`)
const [K1, K2] = ['k1', 'k2'].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`)
const [OLD_SECRET = '', NEW_SECRET = ''] = [1, 2].map((n) => `whsec_${Buffer.alloc(32, n).toString('base64')}`)
const lines: string[] = []
const { log } = createLog({ service: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } })

const nameOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 8)
const signedWith = (delivery: ReturnType<House['simulator']['receiver']['deliveries']>[number], secret: string) => {
  const headers = new Headers(Object.entries(delivery.headers).map(([name, value]) => [name, String(value)]))
  try {
    verifyWebhook({ headers, body: delivery.body, secret })
    return true
  } catch {
    return false
  }
}

/** The house with API and workers that can be replaced while it is in use, and a team's key made by a request. */
async function openRotation() {
  const house = await openHouse({
    workers: 0,
    simulator: {
      runway: { keys: [ENVIRONMENT, FIRST, SECOND] },
      runware: { keys: [RUNWARE_FIRST, RUNWARE_SECOND] },
    },
    env: {
      // No answer is given up here for slowness of the machine: what is late would be unknown.
      SUBMIT_TIMEOUT_MS: '10000',
      NODE_ENV: 'development',
      LOG_LEVEL: 'debug',
      ENCRYPTION_KEYS: `${K1}`,
      WEBHOOK_SECRET: OLD_SECRET,
      RUNWAY_API_KEY: ENVIRONMENT,
      RUNWARE_API_KEY: '',
    },
    logTo: { write: (line) => void lines.push(line) },
  })
  onTestFinished(() => house.close())
  let api: RunningApi = house.api
  let worker: RunningWorker = await house.addWorker()
  onTestFinished(() => api.close())
  /** The next generation takes over from the one before, which finishes what it has. */
  const rollTo = async (env: Record<string, string>) => {
    const before = { api, worker }
    api = await startApi(parseConfig({ ...house.env, ...env }), log)
    worker = await house.addWorker(env)
    await Promise.all([before.api.close(), before.worker.stop()])
  }
  const ask = asking(() => api.url)
  const admin = async (method: string, path: string, body?: unknown, key = ADMIN_KEY) => {
    const answer = await ask(key, method, path, body)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as unknown
  }
  const makeKey = async (team: string) =>
    NewApiKey.parse(await admin('POST', '/api/keys', { team, name: 'production', limits: { jobs_in_flight: 1000 } }))
  return { house, rollTo, ask, admin, makeKey }
}

const Rewrapped = z.object({ current_kid: z.string(), failed: z.array(z.unknown()) })

test('every key and secret there is changes under load, and no job fails', async () => {
  const { house, rollTo, ask, admin, makeKey } = await openRotation()
  const { runway, runware, receiver } = house.simulator

  // The curl of Bifrost's page on Runway, as it is printed there: without any key of ours.
  const printed = { name: 'runway-key-1', value: 'env.RUNWAY_API_KEY', models: ['*'], weight: 1.0 }
  await admin('POST', '/api/providers', { provider: 'runway', keys: [printed] }, '')
  const literal = { name: 'runware-key-1', value: RUNWARE_FIRST, models: ['*'], weight: 1.0 }
  await admin('POST', '/api/providers', { provider: 'runware', keys: [literal] }, '')
  for (const id of ['films', 'ads']) await admin('POST', '/api/teams', { id, limits: { jobs_in_flight: 1000 } })
  const [films, ads] = [await makeKey('films'), await makeKey('ads')]
  const [ofFilms, ofAds] = [films, ads].map(({ team, key }) => ({ team, key }))
  if (!ofFilms || !ofAds) throw new Error('there are two teams')
  const traffic = new SteadyTraffic([ofFilms, ofAds], { ask, webhookUrl: `${receiver.url}/hook` })
  onTestFinished(() => traffic.stop())
  traffic.start(40)
  await traffic.pass(4)

  // API keys: one gets a new secret and works with both; the other is replaced by another key, and revoked.
  const rotated = NewApiKey.parse(await admin('POST', `/api/keys/${films.id}/rotate`, { overlap_seconds: 3600 }))
  await traffic.pass(2)
  ofFilms.key = rotated.key
  const withOld = await traffic.send({ team: 'films', key: films.key }, 'films, with the old key')
  expect(withOld).toBeDefined()
  ofAds.key = (await makeKey('ads')).key
  await traffic.pass(4)
  await admin('DELETE', `/api/keys/${ads.id}`)
  const withRevoked = async () => (await ask(ads.key, 'GET', '/v1/jobs')).status
  await expect.poll(withRevoked, { interval: 10, timeout: 1_000 }).toBe(401)

  // Provider keys: one more that nearly all the work goes to, its value replaced, and gone again.
  const madeWith = (key: string) => runway.tasks().filter((task) => nameOf(key) === task.key.slice(0, 8)).length
  const grows = (count: () => number) => {
    const before = count()
    return expect.poll(count, { interval: 10, timeout: 5_000 }).toBeGreaterThan(before)
  }
  const one = (value: string) => ({ name: 'runway-key-2', value, models: ['*'], weight: 1000 })
  const { id: keyId } = z
    .object({ id: z.string() })
    .parse(await admin('POST', '/api/providers/runway/keys', one(FIRST)))
  await grows(() => madeWith(FIRST))
  runway.script({ runningMs: 100_000, match: { promptIncludes: 'long' } })
  const long = await traffic.send(ofFilms, 'long')
  const ofLong = () => runway.tasks().find(({ marker }) => marker === 'long')
  await expect.poll(() => ofLong()?.key.slice(0, 8), { interval: 10, timeout: 5_000 }).toBe(nameOf(FIRST))
  await admin('PUT', `/api/providers/runway/keys/${keyId}`, one(SECOND))
  await grows(() => madeWith(SECOND))
  const withFirst = madeWith(FIRST)
  const { retired } = ProviderResource.parse(await admin('GET', '/api/providers/runway'))
  expect(retired.flatMap(({ jobs }) => jobs.ids)).toContain(long?.id)
  const listed = ProviderResource.parse(await admin('GET', '/api/providers/runware'))
  const changed = { ...literal, value: RUNWARE_SECOND }
  await admin('PUT', `/api/providers/runware/keys/${listed.keys[0]?.id}`, changed)
  await grows(() => runware.tasks().filter(({ key }) => key.startsWith(nameOf(RUNWARE_SECOND))).length)
  await admin('DELETE', `/api/providers/runway/keys/${keyId}`)
  await grows(() => madeWith(ENVIRONMENT))
  const withSecond = madeWith(SECOND)

  // What encrypts and what signs, as docs/provider-keys.md says: known everywhere, then in use, then alone.
  await rollTo({ ENCRYPTION_KEYS: `${K1},${K2}`, WEBHOOK_SECRET: OLD_SECRET })
  await rollTo({ ENCRYPTION_KEYS: `${K2},${K1}`, WEBHOOK_SECRET: `${NEW_SECRET},${OLD_SECRET}` })
  expect(Rewrapped.parse(await admin('POST', '/api/encryption/rewrap'))).toEqual({ current_kid: 'k2', failed: [] })
  const signedByBoth = receiver.deliveries().length
  await traffic.pass(4)
  await rollTo({ ENCRYPTION_KEYS: `${K2}`, WEBHOOK_SECRET: NEW_SECRET })
  const signedByNew = receiver.deliveries().length
  await grows(() => runware.tasks().length)
  await grows(() => runway.tasks().length)
  await traffic.stop()

  expect(traffic.refusals).toEqual([])
  const keys: Record<string, string> = { films: ofFilms.key, ads: ofAds.key }
  for (const { id, team, prompt } of traffic.sent) {
    const look = async () => JobResource.parse(await (await ask(keys[team] ?? '', 'GET', `/v1/jobs/${id}`)).json())
    await expect.poll(async () => (await look()).completed_at, { interval: 20, timeout: 10_000 }).not.toBeNull()
    expect({ prompt, ...(await look()) }).toMatchObject({ prompt, status: 'succeeded', error: null })
    await receiver.waitFor(({ headers }) => headers['webhook-id'] === `msg_${id.slice(4)}`)
  }
  expect(traffic.sent.length).toBeGreaterThan(15)
  expect([madeWith(FIRST), madeWith(SECOND), ofLong()?.status]).toEqual([withFirst, withSecond, 'SUCCEEDED'])

  const deliveries = receiver.deliveries()
  const verified = deliveries.map((each) => [signedWith(each, OLD_SECRET), signedWith(each, NEW_SECRET)])
  expect(verified.filter((by) => !by.includes(true))).toEqual([])
  expect(verified.slice(signedByBoth, signedByNew)).toContainEqual([true, true])
  expect(new Set(verified.slice(signedByNew).map(String))).toEqual(new Set(['false,true']))

  expect(lines.length).toBeGreaterThan(100)
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
  house.assertHonest()
  const charged = { ...runway.ledger().markers, ...runware.ledger().markers }
  expect(traffic.sent.filter(({ prompt }) => charged[prompt]?.tasks !== 1)).toEqual([])

  const stored = await everythingIn(house.redis.url)
  const secrets = [ENVIRONMENT, FIRST, SECOND, RUNWARE_FIRST, RUNWARE_SECOND, films.key, ads.key, rotated.key]
  for (const secret of [...secrets, OLD_SECRET, NEW_SECRET, `${K1}`.slice(3), `${K2}`.slice(3)]) {
    expect([...stored, ...lines].filter((text) => text.includes(secret))).toEqual([])
  }
}, 30_000)
