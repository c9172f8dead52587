import { afterEach, beforeEach, expect, test } from 'vitest'
import { JOB, type OpenApi, openApi, openRedis, VIDEO } from './api-fixture.ts'

const ANSWER_WITHIN_MS = 250
const RECOVER_WITHIN_MS = 500

let house: OpenApi
beforeEach(async () => {
  house = await openApi()
})
afterEach(() => house.close())

async function timed(work: () => Promise<Response>) {
  const startedMs = performance.now()
  const response = await work()
  return { status: response.status, retryAfter: response.headers.get('retry-after'), ms: performance.now() - startedMs }
}

async function expectAllAway(id: string) {
  const requests = [
    () => house.post('/v1/videos', VIDEO),
    () => house.post('/v1/jobs', JOB),
    () => house.fetch(`/v1/videos/${id}`),
    () => house.fetch('/v1/jobs'),
    () => house.fetch(`/v1/jobs/${id}`, { method: 'DELETE' }),
  ]
  for (const request of requests) {
    const answer = await timed(request)
    expect(answer).toMatchObject({ status: 503, retryAfter: '1' })
    expect(answer.ms).toBeLessThan(ANSWER_WITHIN_MS)
  }
  expect((await house.fetch('/livez')).status).toBe(200)
}

const create = async () => ((await (await house.post('/v1/videos', VIDEO)).json()) as { id: string }).id // used as an id

test('while Redis is dead every answer is a quick 503, and work goes on by itself when it is back', async () => {
  const id = await create()
  const { port } = house.server
  await house.server.kill('SIGKILL')
  await expectAllAway(id)
  expect((await house.fetch('/readyz')).status).toBe(503)

  const revived = await openRedis({ port })
  const backMs = performance.now()
  await expect
    .poll(() => house.post('/v1/videos', VIDEO).then(({ status }) => status), { interval: 10, timeout: 5_000 })
    .toBe(200)
  expect(performance.now() - backMs).toBeLessThan(RECOVER_WITHIN_MS)
  await revived.stop()
})

test('a Redis that hangs is as good as dead', async () => {
  const id = await create()
  await house.server.kill('SIGSTOP')
  await expectAllAway(id)
  await house.server.kill('SIGCONT')
  await expect.poll(() => house.fetch(`/v1/videos/${id}`).then(({ status }) => status), { interval: 10 }).toBe(200)
})

test('the process starts while Redis is away', async () => {
  const dead = await openRedis()
  await dead.stop()
  const early = await openApi({ REDIS_URL: dead.url })
  const answer = await timed(() => early.post('/v1/videos', VIDEO))
  expect(answer.status).toBe(503)
  expect(answer.ms).toBeLessThan(ANSWER_WITHIN_MS)
  const revived = await openRedis({ port: dead.port })
  await expect.poll(() => early.post('/v1/videos', VIDEO).then(({ status }) => status), { interval: 10 }).toBe(200)
  await early.close()
  await revived.stop()
})

test('nothing acknowledged is lost when Redis with an append-only file is killed', async () => {
  const kept = await openRedis({ dir: house.folder, appendonly: true })
  const durable = await openApi({ REDIS_URL: kept.url })
  const ids: string[] = []
  for (let n = 0; n < 20; n += 1) {
    const { id } = (await (await durable.post('/v1/videos', VIDEO)).json()) as { id: string } // used as an id
    ids.push(id)
  }
  await kept.kill('SIGKILL')
  const revived = await openRedis({ port: kept.port, dir: house.folder, appendonly: true })
  for (const id of ids) {
    await expect.poll(() => durable.fetch(`/v1/videos/${id}`).then(({ status }) => status), { interval: 10 }).toBe(200)
  }
  await durable.close()
  await revived.stop()
})
