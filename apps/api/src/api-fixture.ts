import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type JobId, jobError, type Output } from '@genqueue/contract'
import { createKeys, type JobRecord, Jobs, NO_LOOKS, openQueues, PollSchedule, Submissions } from '@genqueue/jobs'
import { openStorage } from '@genqueue/storage'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { parseConfig } from './config.ts'
import { startApi } from './server.ts'

export const ADMIN_KEY = 'admin-key-for-tests-0123456789'
export const OTHER_KEY = 'other-key-for-tests-0123456789'

export async function openRedis(options: { port?: number; dir?: string; appendonly?: boolean } = {}) {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  return startRedis({ binary, ...options })
}

/** The API on a free port with a Redis and a folder of its own; no worker: tests move jobs on themselves. */
export async function openApi(env: Record<string, string> = {}, log = pino({ level: 'silent' })) {
  const server = await openRedis()
  const folder = await mkdtemp(join(tmpdir(), 'genqueue-api-'))
  const config = parseConfig({
    NODE_ENV: 'test',
    PORT: '0',
    REDIS_URL: server.url,
    STORAGE_URL: pathToFileURL(folder).href,
    KEY_PREFIX: `{t${randomBytes(4).toString('hex')}}`,
    ADMIN_API_KEY: ADMIN_KEY,
    API_KEYS: `other=${OTHER_KEY}`,
    ...env,
  })
  const api = await startApi(config, log)
  const redis = new Redis(server.url)
  redis.on('error', () => {})
  const keys = createKeys(config.keyPrefix)
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: api.url })
  const reconcileAfter = { submitMs: 1_000, pollMs: 1_000, copyMs: 1_000 }
  const submissions = new Submissions({ redis, keys, reconcileAfter })
  const scheduleOf = ({ provider }: JobRecord) => new PollSchedule({ redis, keys, provider })
  const storage = openStorage(config.storageUrl, config.s3)

  const get = async (id: string): Promise<JobRecord> => {
    const job = await jobs.get(id as JobId) // an id that the API answered with
    if (!job) throw new Error(`there is no job ${id}`)
    return job
  }
  const submit = async (id: string) => {
    const job = await get(id)
    const begun = await submissions.begin(job, 'key-1')
    if (begun.kind !== 'begun') throw new Error(`expected to begin, got ${begun.kind}`)
    await submissions.accepted(job, {
      fence: begun.fence,
      providerKeyId: 'key-1',
      taskId: `task-${id}`,
      firstLookMs: 0,
    })
  }
  return {
    config,
    api,
    url: api.url,
    server,
    folder,
    redis,
    keys,
    storage,
    get,
    submit,
    /** The vendor said this of the submitted job. */
    async poll(id: string, upstreamStatus: string, progress?: number) {
      const schedule = scheduleOf(await get(id))
      const { tasks } = await schedule.lease(100, 5_000)
      const task = tasks.find((each) => each.id === id)
      if (!task) throw new Error(`job ${id} is not due`)
      const looks = { ...NO_LOOKS, upstreamStatus, progress: progress ?? 0, polls: 1 }
      await schedule.flush([{ id, lease: task.lease, delayMs: 0, looks }])
    },
    /** The job made these files. */
    async succeed(id: string, files: readonly { content: Uint8Array; contentType: string; extension: string }[]) {
      await submit(id)
      const outputs: Output[] = []
      for (const [index, { content, contentType, extension }] of files.entries()) {
        const key = `2026/11/${id}/${index}.${extension}`
        const { bytes, sha256 } = await storage.put(key, once(content), { contentType, maxBytes: content.length })
        outputs.push({ index, key, bytes, sha256, contentType })
      }
      const { tasks } = await scheduleOf(await get(id)).lease(100, 5_000)
      const lease = tasks.find((each) => each.id === id)?.lease
      const job = await get(id)
      if (job.status !== 'submitted' || lease === undefined) throw new Error('expected a submitted job that is due')
      await jobs.generated(job, lease, { sources: ['https://vendor.example/0'], upstreamStatus: 'SUCCEEDED' })
      await jobs.end(await get(id), { status: 'succeeded', outputs, cost: { amount: 25, unit: 'credits' } })
      return outputs
    },
    async fail(id: string) {
      const error = jobError('moderation', { code: 'SAFETY.INPUT.TEXT', message: 'no' })
      await jobs.end(await get(id), { status: 'failed', error, outputs: [] })
    },
    async storedFiles(): Promise<string[]> {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
      return entries
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .filter(isContent)
    },
    fetch(path: string, { key = ADMIN_KEY, headers, ...init }: FetchOptions = {}) {
      const authorization: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` }
      return fetch(api.url + path, { redirect: 'manual', ...init, headers: { ...authorization, ...headers } })
    },
    post(path: string, body: unknown, { headers, ...options }: FetchOptions = {}) {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return this.fetch(path, {
        method: 'POST',
        body: text,
        headers: { 'content-type': 'application/json', ...headers },
        ...options,
      })
    },
    async close() {
      await api.close()
      await queues.close()
      redis.disconnect()
      await storage.close()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type OpenApi = Awaited<ReturnType<typeof openApi>>
type FetchOptions = { key?: string | null; method?: string; headers?: Record<string, string>; body?: string | FormData }

// The storage keeps what it knows of a file in a second one beside it.
function isContent(name: string): boolean {
  return !name.endsWith('.json')
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export const VIDEO = { model: 'runway/gen4.5', prompt: 'a lake at dawn', seconds: '5', size: '1280x720' }
export const JOB = {
  provider: 'runway',
  operation: 'text_to_video',
  input: { model: 'gen4.5', promptText: 'a lake at dawn', ratio: '1280:720', duration: 5 },
}
