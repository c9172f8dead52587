import { randomUUID } from 'node:crypto'
import { parseConfig, type RunningApi, startApi } from '@genqueue/api'
import { JobResource, verifyWebhook } from '@genqueue/contract'
import { createKeys } from '@genqueue/jobs'
import { createLog } from '@genqueue/log'
import { type Simulator, type SimulatorOptions, startSimulator } from '@genqueue/simulator'
import { type RunningWorker, readWorkerConfig, startWorker } from '@genqueue/worker'
import { Redis } from 'ioredis'
import type { DestinationStream } from 'pino'
import { expect, vi } from 'vitest'
import { ensureRedisServer } from '../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../scripts/redis-process.ts'
import { ADMIN_KEY, giveToAwsSdk, houseEnv, OTHER_TEAM_KEY, WEBHOOK_SECRET } from './house-env.ts'

export { ADMIN_KEY, OTHER_TEAM_KEY }

/** The world runs a hundred times faster than the vendor's: its 5 s between looks are 50 ms. */
const SPEED = 100

export type HouseOptions = {
  simulator?: SimulatorOptions
  env?: Record<string, string>
  /** Workers in this process; crash tests start their own. */
  workers?: number
  redis?: { appendfsync: 'always' | 'everysec' }
  /** Where log lines go; nowhere unless given. */
  logTo?: DestinationStream
}

/** `endsSeenTwice`: a worker was killed, perhaps between seeing the end of a task and writing it down. */
type Honesty = { creates?: Record<string, number>; endsSeenTwice?: boolean }
const SEEN_TWICE = 'poll_after_terminal'

/** Everything there is: Redis, both doors, workers, and the outside world over real sockets. */
export type House = {
  simulator: Simulator
  redis: RedisProcess
  api: RunningApi
  workers: RunningWorker[]
  /** The environment that API and workers were started with. */
  env: Record<string, string>
  secret: string
  addWorker(env?: Record<string, string>): Promise<RunningWorker>
  /** Starts Redis again, on its port and files, after it was killed. */
  reviveRedis(): Promise<void>
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  post(input: NewJobInput): Promise<JobResource>
  /** The same at Runware: a video, unless it says otherwise. */
  postRunware(input: NewJobInput): Promise<JobResource>
  get(id: string): Promise<JobResource>
  /** Waits until the job has ended. */
  ended(id: string, timeoutMs?: number): Promise<JobResource>
  /** Waits for the webhook of the job and proves its signature; fails if its bytes ever differ between attempts. */
  webhook(id: string, timeoutMs?: number): Promise<{ type: string; data: JobResource }>
  /** What must hold after every test: the vendor saw no rule broken, and charged each job at most `creates` times. */
  assertHonest(options?: Honesty): void
  close(): Promise<void>
}

type NewJobInput = { prompt?: string; operation?: string; input?: Record<string, unknown> } & Record<string, unknown>

/** What a task of each type needs beside its prompt. */
const RUNWARE_INPUT: Readonly<Record<string, Record<string, unknown>>> = {
  videoInference: { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 },
  imageInference: { model: 'runware:101@1', width: 512, height: 512 },
}

/** Tests may keep several; only with the last one gone must nothing be left. */
let housesOpen = 0

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  housesOpen += 1
  const redis = await startRedis({ binary, ...(options.redis && { appendonly: true, ...options.redis }) })
  const simulator = await startSimulator({ clock: { speed: SPEED }, ...options.simulator })
  const env = { ...houseEnv(simulator, { redisUrl: redis.url, speed: SPEED }), ...options.env }
  giveToAwsSdk(env)
  const { log } = createLog({
    service: 'test',
    level: env.LOG_LEVEL ?? 'silent',
    destination: options.logTo ?? process.stderr,
  })
  const api = await startApi(parseConfig(env), log)
  const workers: RunningWorker[] = []
  const addWorker = async (more: Record<string, string> = {}) => {
    const worker = await startWorker(readWorkerConfig({ ...env, ...more }), log)
    workers.push(worker)
    return worker
  }
  for (let index = 0; index < (options.workers ?? 1); index += 1) await addWorker()
  return {
    simulator,
    redis,
    api,
    workers,
    env,
    secret: WEBHOOK_SECRET,
    addWorker,
    ...actions(api, simulator),
    ...upkeep(),
  }

  function upkeep() {
    let revived: RedisProcess | undefined
    return {
      reviveRedis: async () => {
        revived = await startRedis({ binary: binary ?? '', dir: redis.dir, port: redis.port, appendonly: true })
      },
      assertHonest: ({ creates = {}, endsSeenTwice = false }: Honesty = {}) => {
        const violations = simulator.violations().filter(({ kind }) => !(endsSeenTwice && kind === SEEN_TWICE))
        expect(violations).toEqual([])
        for (const [marker, { tasks }] of Object.entries(simulator.runway.ledger().markers)) {
          expect(tasks, `tasks made for ${marker}`).toBeLessThanOrEqual(creates[marker] ?? 1)
        }
        for (const [marker, { tasks }] of Object.entries(simulator.runware.ledger().markers)) {
          expect(tasks, `Runware tasks made for ${marker}`).toBeLessThanOrEqual(1)
        }
      },
      close: async () => {
        await Promise.all(workers.map((worker) => worker.stop()))
        await api.close()
        await expectNothingUnbounded(redis.url, createKeys(env.KEY_PREFIX).prefix)
        await simulator.close()
        await revived?.stop()
        await redis.stop()
        housesOpen -= 1
        if (housesOpen === 0) await vi.waitFor(() => expect(leftBehind()).toEqual([]), { timeout: 5_000 })
      },
    }
  }
}

function actions(api: RunningApi, simulator: Simulator) {
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${api.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  /** As a client should: 503 is asked again, and an idempotency key makes that safe for a job. */
  const callPatiently = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const key = { 'idempotency-key': randomUUID() }
    for (let tries = 1; ; tries += 1) {
      const response = await call(method, path, body, { ...(method === 'POST' && key), ...headers })
      if (response.status !== 503 || tries === 20) return response
      await response.arrayBuffer()
    }
  }
  const get = async (id: string) => JobResource.parse(await (await callPatiently('GET', `/v1/jobs/${id}`)).json())
  const post = async ({ prompt = 'a lake', operation = 'text_to_video', input, ...rest }: NewJobInput) => {
    const body = input ?? { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 }
    const response = await callPatiently('POST', '/v1/jobs', {
      provider: 'runway',
      operation,
      input: body,
      webhook_url: `${simulator.receiver.url}/hook`,
      ...rest,
    })
    if (response.status !== 202) throw new Error(`expected 202, got ${response.status}: ${await response.text()}`)
    return JobResource.parse(await response.json())
  }
  const postRunware = ({ prompt = 'a lake', operation = 'videoInference', input, ...rest }: NewJobInput) =>
    post({
      provider: 'runware',
      operation,
      input: input ?? { ...RUNWARE_INPUT[operation], positivePrompt: prompt },
      ...rest,
    })
  const ended = async (id: string, timeoutMs = 15_000) => {
    await expect.poll(async () => (await get(id)).completed_at, { timeout: timeoutMs, interval: 25 }).not.toBeNull()
    return get(id)
  }
  const webhook = async (id: string, timeoutMs = 15_000) => {
    const messageId = `msg_${id.slice(4)}`
    const isOurs = ({ headers }: { headers: Record<string, unknown> }) => headers['webhook-id'] === messageId
    const delivery = await simulator.receiver.waitFor(isOurs, { timeoutMs })
    const all = simulator.receiver.deliveries().filter(isOurs)
    for (const each of all) {
      expect(each.body.equals(delivery.body), 'the body is the same on every attempt').toBe(true)
      const headers = new Headers(Object.entries(each.headers).map(([name, value]) => [name, String(value)]))
      verifyWebhook({ headers, body: each.body, secret: WEBHOOK_SECRET, nowMs: each.receivedAtMs })
    }
    const event = JSON.parse(delivery.body.toString()) as { type: string; data: unknown } // verified: ours
    return { type: event.type, data: JobResource.parse(event.data) }
  }
  return { call, get, post, postRunware, ended, webhook }
}

/** Servers that still listen and processes that still run because of us. */
function leftBehind(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap' || name === 'ProcessWrap')
}

/** Every key that is left has an expiry or is one of the indexes that reconcile trims. */
async function expectNothingUnbounded(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    // `provider:` holds what administrators set, a row for each vendor; they delete it. `audit` is trimmed as it grows.
    // A field of `inflight` goes with the last open job it counts; `unsettled` is emptied by reconcile within a day.
    // Teams, API keys and endpoints are what people made; they delete them. Destinations leave with their last delivery.
    const trimmed =
      /:(list:.*|inflight|unsettled|open|due:.*|expiring|cleanup|outbox:.*|sending:.*|destinations|suspects|endpoints:.*|endpoint-teams|orphans|bq:.*|provider:(runway|runware)|teams|apikeys.*|apikey:.*|audit)$/
    const open = new Set(await redis.zrange(`${prefix}:open`, 0, '-1'))
    // Lines, turns and slots are of open jobs, and go with the last of them.
    const places = /:(line|ring|fed|turns|lanes|slots|users|holders)(:|$)/
    const pending = new Set<string>()
    for (const set of [...(await redis.keys(`${prefix}:outbox:*`)), ...(await redis.keys(`${prefix}:sending:*`))]) {
      for (const id of await redis.zrange(set, 0, '-1')) pending.add(id)
    }
    for (const key of await redis.keys(`${prefix}*`)) {
      const id = key.slice(key.lastIndexOf(':') + 1)
      if (trimmed.test(key) || open.has(id) || pending.has(id)) continue
      if (places.test(key) && open.size > 0) continue
      // -1: it never expires; -2: it just has.
      expect(await redis.pttl(key), `${key} expires`).not.toBe(-1)
    }
  } finally {
    redis.disconnect()
  }
}
