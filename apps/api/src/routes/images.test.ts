import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { ImagesResponse, JobList, JobResource, jobError } from '@genqueue/contract'
import { Jobs, openQueues } from '@genqueue/jobs'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, openApi } from '../api-fixture.ts'

const png = await readFile(new URL('../../../../packages/simulator/media/output.png', import.meta.url))
const sha256 = createHash('sha256').update(png).digest('hex')
const FILE = { content: png, contentType: 'image/png', extension: 'png' }
const IMAGE = { model: 'runware/runware:101@1', prompt: 'a lake at dawn' }

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const newest = async () => JobList.parse(await (await house.fetch('/v1/jobs?limit=1')).json()).data[0]?.id
const generate = (parts: object = {}, headers: Record<string, string> = {}) =>
  house.post('/v1/images/generations', { ...IMAGE, ...parts }, { headers })
/** Sends the request and answers with it, still waiting, and with the job that it made. */
async function begin(parts: object = {}, headers: Record<string, string> = {}) {
  const before = await newest()
  const waiting = generate(parts, headers)
  await expect.poll(newest).not.toBe(before)
  return { waiting, id: String(await newest()) }
}
async function fail(id: string, error: ReturnType<typeof jobError>) {
  const { redis, keys } = house
  const jobs = new Jobs({ redis, queues: openQueues(redis, keys), keys, publicUrl: house.url })
  await jobs.end(await house.get(id), { status: 'failed', error, outputs: [] })
}

test('the call waits for its job and answers as the openai SDK reads it', async () => {
  const { waiting, id } = await begin({ n: 2, size: '512x768', metadata: { a: 'b' } })
  const job = await house.get(id)
  expect(job).toMatchObject({ door: 'images', kind: 'image', provider: 'runware', model: 'runware:101@1' })
  expect(job.request).toMatchObject({ waits: true, results: 2, body: { width: 512, height: 768, numberResults: 2 } })
  const startedMs = performance.now()
  await house.succeed(id, [FILE, FILE])
  const response = await waiting
  expect(performance.now() - startedMs).toBeLessThan(1_000)
  expect([response.status, response.headers.get('x-job-id')]).toEqual([200, id])
  const images = ImagesResponse.parse(await response.json())
  expect(images).toMatchObject({ id, size: '512x768', output_format: 'png', metadata: { a: 'b' }, failures: [] })
  expect(images.cost).toEqual({ amount: 25, unit: 'credits', usd: 0.25, final: true })
  expect(images.data.map((image) => image.sha256)).toEqual([sha256, sha256])
  for (const [index, { url }] of images.data.entries())
    expect(url).toMatch(new RegExp(`/v1/jobs/${id}/outputs/${index}$`))
})

test('b64_json holds the very bytes, whatever their number', async () => {
  const sizes = [1, 2, 3, 65_536, 200_001]
  const files = sizes.map((size) => ({ ...FILE, content: Buffer.alloc(size, `size ${size}`) }))
  const { waiting, id } = await begin({ response_format: 'b64_json', n: sizes.length })
  await house.succeed(id, files)
  const { data } = ImagesResponse.parse(await (await waiting).json())
  expect(data.map(({ b64_json }) => b64_json)).toEqual(files.map(({ content }) => content.toString('base64')))
  expect(data.every(({ url }) => url === undefined)).toBe(true)
})

test('Prefer: respond-async answers with the job at once, and nobody waits at the vendor', async () => {
  const response = await generate({}, { prefer: 'respond-async' })
  const job = JobResource.parse(await response.json())
  expect([response.status, response.headers.get('location')]).toEqual([202, `/v1/jobs/${job.id}`])
  expect(response.headers.get('preference-applied')).toBe('respond-async')
  expect((await house.get(job.id)).request.waits).toBeUndefined()
})

test('a repeat with the same idempotency key waits for the same job', async () => {
  const headers = { 'idempotency-key': 'image-1' }
  const { waiting, id } = await begin({}, headers)
  const repeat = generate({}, headers)
  await house.succeed(id, [FILE])
  const answers = await Promise.all([waiting, repeat, generate({}, headers)])
  const ids = await Promise.all(answers.map(async (answer) => ImagesResponse.parse(await answer.json()).id))
  expect(ids).toEqual([id, id, id])
  expect(answers.at(-1)?.headers.get('idempotent-replayed')).toBe('true')
})

test.each([
  ['moderation', 400, 'invalid_request_error'],
  ['quota_exceeded', 429, 'rate_limit_error'],
  ['provider_failed', 502, 'server_error'],
  ['run_timeout', 504, 'server_error'],
] as const)(
  'a job that ended as %s is told with its words, and is not to be repeated by itself',
  async (code, status, type) => {
    const { waiting, id } = await begin()
    await fail(id, jobError(code, { code: 'vendorCode', message: 'the words of the vendor' }))
    const response = await waiting
    expect(response.status).toBe(status)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('x-job-id')).toBe(id)
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringContaining('the words of the vendor'),
        type,
        param: null,
        code,
        job_id: id,
        retryable: code !== 'moderation',
        provider_code: 'vendorCode',
        provider_message: 'the words of the vendor',
      },
    })
  },
)

test('a canceled job is a conflict', async () => {
  const { waiting, id } = await begin()
  await house.fetch(`/v1/jobs/${id}/cancel`, { method: 'POST' })
  const response = await waiting
  expect(response.status).toBe(409)
  expect(await response.json()).toMatchObject({ error: { code: 'canceled', job_id: id } })
})

test('when the caller leaves the wait ends and the job goes on', async () => {
  const lines: string[] = []
  const quiet = await openApi({}, pino({ level: 'info' }, { write: (line) => void lines.push(line) }))
  const leaving = new AbortController()
  const call = fetch(`${quiet.url}/v1/images/generations`, {
    method: 'POST',
    signal: leaving.signal,
    body: JSON.stringify(IMAGE),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_KEY}` },
  })
  const waiting = async () => (await quiet.redis.zrange(quiet.keys.open, 0, '-1'))[0]
  await expect.poll(waiting).toBeDefined()
  const id = String(await waiting())
  leaving.abort()
  await expect(call).rejects.toThrow()
  // The line of a request is written when its handler is done.
  await expect.poll(() => lines.join(), { timeout: 2_000 }).toContain('POST /v1/images/generations')
  expect(await quiet.get(id)).toMatchObject({ status: 'queued' })
  await quiet.close()
})

test('two hundred calls wait at once without asking Redis again and again', async () => {
  /** A busy machine may make Redis seem away for a moment; the key makes asking again harmless. */
  const patiently = async (index: number): Promise<Response> => {
    const response = await generate({ metadata: { batch: 'many' } }, { 'idempotency-key': `many-${index}` })
    return response.status === 503 ? patiently(index) : response
  }
  const calls = Array.from({ length: 200 }, (_, index) => patiently(index))
  const waiting = async () => {
    const page = await house.fetch('/v1/jobs?limit=100&order=desc&metadata[batch]=many')
    const first = JobList.parse(await page.json())
    if (!first.has_more) return first.data.map(({ id }) => id)
    const next = await house.fetch(`/v1/jobs?limit=100&metadata[batch]=many&after=${first.last_id}`)
    return [...first.data, ...JobList.parse(await next.json()).data].map(({ id }) => id)
  }
  await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBe(200)
  const ids = await waiting()
  const reads = async () => {
    const [, count] = /cmdstat_hgetall:calls=(\d+)/.exec(await house.redis.info('commandstats')) ?? []
    return Number(count)
  }
  const before = await reads()
  for (const id of ids) await fail(id, jobError('moderation'))
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  expect(statuses).toEqual(Array.from({ length: 200 }, () => 400))
  // One read each by this test, and one each for the answer; a few may have had their slow look meanwhile.
  expect((await reads()) - before).toBeLessThan(800)
})

test('past its time the call answers 504, names the job and forbids the SDK to send it again', async () => {
  const impatient = await openApi({ IMAGE_WAIT_SECONDS: '1' })
  const response = await impatient.post('/v1/images/generations', IMAGE)
  expect([response.status, response.headers.get('x-should-retry')]).toEqual([504, 'false'])
  const { error } = (await response.json()) as { error: { code: string; job_id: string; message: string } } // compared
  expect(error).toMatchObject({ code: 'image_timeout', message: expect.stringContaining(error.job_id) })
  expect(response.headers.get('x-job-id')).toBe(error.job_id)
  expect(await impatient.get(error.job_id)).toMatchObject({ status: 'queued' })
  await impatient.close()
})

test('when nobody knows whether Redis took the job, an SDK does not send it again without a key', async () => {
  const paused = async (headers: Record<string, string> = {}) => {
    await house.redis.call('CLIENT', 'PAUSE', '300', 'WRITE')
    const response = await generate({}, { prefer: 'respond-async', ...headers })
    await house.redis.call('CLIENT', 'UNPAUSE')
    return [response.status, response.headers.get('x-should-retry')]
  }
  expect(await paused()).toEqual([503, 'false'])
  expect(await paused({ 'idempotency-key': 'paused' })).toEqual([503, null])
})

test('an end that came while Redis was away is seen when it is back', async () => {
  const { waiting, id } = await begin()
  await house.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await fail(id, jobError('moderation'))
  expect((await waiting).status).toBe(400)
})
