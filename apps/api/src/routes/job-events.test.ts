import { once } from 'node:events'
import { connect } from 'node:net'
import { JobResource } from '@genqueue/contract'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ADMIN_KEY, JOB, type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const FILE = { content: Buffer.from('not really a video'), contentType: 'video/mp4', extension: 'mp4' }

async function newJob(): Promise<string> {
  const { id } = JobResource.parse(await (await house.post('/v1/jobs', JOB)).json())
  return id
}

type Told = { event: string; id: string; data: string }

/** The events of an answer so far; `closed` when it ends by itself. */
async function follow(id: string, lastEventId?: string) {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const response = await house.fetch(`/v1/jobs/${id}/events`, { headers })
  const told: Told[] = []
  let text = ''
  const read = async () => {
    for await (const piece of response.body ?? []) {
      text += Buffer.from(piece).toString()
      told.splice(0, told.length, ...eventsOf(text))
    }
  }
  return { response, told, text: () => text, closed: read() }
}

function eventsOf(text: string): Told[] {
  return text.split('\n\n').flatMap((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
    return block.endsWith('\n') || field('data') === ''
      ? []
      : [{ event: field('event'), id: field('id'), data: field('data') }]
  })
}

const jobOf = (told: Told | undefined) => JobResource.parse(JSON.parse(told?.data ?? '{}'))

test('a job is followed from where it is to its end, and then the client is told not to come back', async () => {
  const id = await newJob()
  const { response, told, text, closed } = await follow(id)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': expect.stringMatching(/^req_/),
  })
  await expect.poll(() => told.length).toBe(1)
  expect(text()).toMatch(/^retry: \d{4}\n\n/)
  await house.submit(id)
  await house.poll(id, 'RUNNING', 0.42)
  await expect.poll(() => jobOf(told.at(-1)).progress, { timeout: 3_000 }).toBe(42)
  await house.fail(id)
  await closed
  expect(told.map(({ event }) => event)).toEqual(['status', ...told.slice(1, -2).map(() => 'status'), 'failed', 'end'])
  const ids = told.slice(0, -1).map((each) => each.id)
  expect(new Set(ids).size, 'every event has an id of its own').toBe(ids.length)
  expect(jobOf(told[0])).toMatchObject({ id, status: 'queued' })
  const shown: unknown = await (await house.fetch(`/v1/jobs/${id}`)).json()
  expect(jobOf(told.at(-2)), 'the last one is the job as it ended').toEqual(shown)
})

test('the path in other letters is refused, and its connection answers the next request', async () => {
  const id = await newJob()
  for (const path of [`/v1/jobs/${id}/%65vents`, `http://x/v1/jobs/${id}/events`]) {
    const { hostname, port } = new URL(house.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (piece) => {
      text += piece
    })
    const ask = (asked: string) =>
      socket.write(`GET ${asked} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\n\r\n`)
    ask(path)
    await expect.poll(() => text).toMatch(/^HTTP\/1.1 404 [\s\S]*not_found/)
    ask('/livez')
    await expect.poll(() => text).toMatch(/HTTP\/1.1 200 /)
    socket.destroy()
  }
})

test('Last-Event-ID goes on without a repeat or a loss, and after the end it is answered 204', async () => {
  const id = await newJob()
  const first = await follow(id)
  await expect.poll(() => first.told.length).toBe(1)
  const seen = first.told[0]?.id ?? ''
  const again = await follow(id, seen)
  await expect.poll(again.text).toMatch(/^retry: \d+\n\n$/)
  expect(again.told, 'nothing has changed').toEqual([])
  await house.succeed(id, [FILE])
  await Promise.all([first.closed, again.closed])
  expect(again.told.at(-2)).toEqual(first.told.at(-2))

  // Away while it ended.
  const late = await follow(id, seen)
  await late.closed
  expect(late.told.map(({ event }) => event)).toEqual(['completed', 'end'])
  expect(jobOf(late.told[0]).outputs).toHaveLength(1)
  const after = await follow(id, late.told[0]?.id)
  expect(after.response.status).toBe(204)
})

test("another team's job and one that never was are not found, and HEAD opens no stream", async () => {
  const id = await newJob()
  const other = await house.fetch(`/v1/jobs/${id}/events`, { key: OTHER_KEY })
  expect(other.status).toBe(404)
  expect((await house.fetch('/v1/jobs/job_1/events')).status).toBe(404)
  const head = await house.fetch(`/v1/jobs/${id}/events`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'text/event-stream', ''])
})

test('a job that is removed while it is followed ends the stream', async () => {
  const id = await newJob()
  const { told, closed } = await follow(id)
  await expect.poll(() => told.length).toBe(1)
  await house.redis.del(house.keys.job(id))
  await closed
  expect(told.at(-1)).toMatchObject({ event: 'end', data: 'gone' })
})

test('a stream outlives an outage of Redis and tells what happened meanwhile, also where its end was not heard', async () => {
  const id = await newJob()
  const { told, closed } = await follow(id)
  await expect.poll(() => told.length).toBe(1)
  await house.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await house.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await house.fail(id)
  await closed
  expect(told.map(({ event }) => event)).toEqual(['status', 'failed', 'end'])
})

test('a process that ends tells its listeners to come back, and does not wait for them', async () => {
  const own = await openApi()
  onTestFinished(() => own.close())
  const { id } = JobResource.parse(await (await own.post('/v1/jobs', JOB)).json())
  const socket = connect(Number(new URL(own.url).port), '127.0.0.1')
  socket.write(
    `GET /v1/jobs/${id}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${own.config.teamKeys.at(-1)?.key.reveal()}\r\n\r\n`,
  )
  let text = ''
  socket.on('data', (piece) => {
    text += piece
  })
  await expect.poll(() => text).toContain('event: status')
  const closed = once(socket, 'close')
  const startedMs = performance.now()
  await own.api.close()
  await closed
  expect(performance.now() - startedMs).toBeLessThan(2_000)
  expect(text).toContain(': this server ends, come back')
})
