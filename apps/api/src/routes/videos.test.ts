import { readFile } from 'node:fs/promises'
import { Video, VideoList } from '@genqueue/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const png = await readFile(new URL('../../../../packages/simulator/media/output.png', import.meta.url))

async function create(body: object = VIDEO, options = {}) {
  const response = await house.post('/v1/videos', body, options)
  expect(response.status, await response.clone().text()).toBe(200)
  return Video.parse(await response.json())
}
const look = async (id: string) => Video.parse(await (await house.fetch(`/v1/videos/${id}`)).json())

test('a video is accepted with the vendor body made of it, and shown as it is then', async () => {
  const video = await create({ ...VIDEO, metadata: { order: '7' }, outputFormat: 'mp4' })
  expect(video).toMatchObject({
    object: 'video',
    model: 'runway/gen4.5',
    status: 'queued',
    progress: 0,
    prompt: 'a lake at dawn',
    size: '1280x720',
    seconds: '5',
    metadata: { order: '7' },
  })
  expect((await house.get(video.id)).request.body).toMatchObject({
    model: 'gen4.5',
    promptText: 'a lake at dawn',
    ratio: '1280:720',
    duration: 5,
    outputFormat: 'mp4',
  })
  expect(await look(video.id)).toEqual(video)
})

test('the four statuses of the video API follow the job', async () => {
  const { id } = await create()
  await house.submit(id)
  expect(await look(id)).toMatchObject({ status: 'queued', upstream_status: 'ACCEPTED' })
  await house.poll(id, 'THROTTLED')
  expect(await look(id)).toMatchObject({ status: 'queued', upstream_status: 'THROTTLED' })
  await house.poll(id, 'RUNNING', 0.42)
  expect(await look(id)).toMatchObject({ status: 'in_progress', progress: 42 })
  await house.fail(id)
  expect(await look(id)).toMatchObject({
    status: 'failed',
    error: { code: 'moderation', provider_code: 'SAFETY.INPUT.TEXT', retryable: false },
  })
})

test('the answer that is polled first tells the Python client how often', async () => {
  const response = await house.post('/v1/videos', VIDEO)
  expect(response.headers.get('openai-poll-after-ms')).toBe('2000')
})

test('a form is the same as JSON, with its image in storage and nothing of it in Redis', async () => {
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...VIDEO, model: 'runway/gen4_turbo', seed: '7' })) form.set(name, value)
  form.set('metadata[order]', '8')
  form.set('input_reference', new Blob([png], { type: 'image/png' }), 'first.png')
  const response = await house.fetch('/v1/videos', { method: 'POST', body: form })
  expect(response.status).toBe(200)
  const { id } = Video.parse(await response.json())
  const { request, operation } = await house.get(id)
  expect(operation).toBe('image_to_video')
  expect(request.body).toMatchObject({ promptImage: { $input: 0 }, seed: 7 })
  expect(request.inputs).toMatchObject([{ bytes: png.length, contentType: 'image/png', filename: 'first.png' }])
  expect(request.metadata).toEqual({ order: '8' })
})

test.each([
  ['a URL', 'https://images.example.com/a.png', 'https://images.example.com/a.png'],
  ['an image_url', { image_url: 'https://images.example.com/a.png' }, 'https://images.example.com/a.png'],
  ['a runway address', 'runway://abc', 'runway://abc'],
  ['a long data URI', `data:image/png;base64,${png.toString('base64')}`, { $input: 0 }],
  ['a long data URI as image_url', { image_url: `data:image/png;base64,${png.toString('base64')}` }, { $input: 0 }],
])('input_reference may be %s', async (_, input_reference, promptImage) => {
  const { id } = await create({ ...VIDEO, model: 'runway/gen4_turbo', input_reference })
  expect((await house.get(id)).request.body).toMatchObject({ promptImage })
})

test('seconds may be a number, as many clients send it', async () => {
  expect((await create({ ...VIDEO, seconds: 5 })).seconds).toBe('5')
})

test('lists page by last_id and filter by status, model, time and metadata', async () => {
  const key = OTHER_KEY
  const ids: string[] = []
  for (const n of [1, 2, 3]) ids.push((await create({ ...VIDEO, metadata: { n: String(n) } }, { key })).id)
  const list = async (query: string) => {
    const response = await house.fetch(`/v1/videos?${query}`, { key })
    expect(response.status, query).toBe(200)
    return VideoList.parse(await response.json())
  }
  const idsOf = async (query: string) => (await list(query)).data.map(({ id }) => id)

  const first = await list('limit=2')
  expect(first).toMatchObject({ first_id: ids[2], last_id: ids[1], has_more: true })
  expect(await list(`limit=2&after=${first.last_id}`)).toMatchObject({ first_id: ids[0], has_more: false })
  expect(await idsOf('order=asc')).toEqual(ids)
  expect(await idsOf('metadata[n]=2')).toEqual([ids[1]])
  expect(await idsOf('model=runway/gen4.5&status=queued')).toHaveLength(3)
  expect(await idsOf('status=completed')).toEqual([])
  expect(await idsOf(`created_before=${Math.floor(Date.now() / 1000) - 60}`)).toEqual([])
  expect(await idsOf(`created_after=${Math.floor(Date.now() / 1000) - 60}`)).toHaveLength(3)
  expect(await idsOf('limit=0')).toEqual([])
})

test('jobs of the other door are in its list alone, and can be looked at here', async () => {
  const response = await house.post('/v1/jobs', {
    provider: 'runway',
    operation: 'text_to_video',
    input: { model: 'gen4.5', promptText: 'a lake' },
  })
  const { id } = (await response.json()) as { id: string } // only compared
  const { data } = VideoList.parse(await (await house.fetch('/v1/videos?limit=100')).json())
  expect(data.map((video) => video.id)).not.toContain(id)
  expect((await look(id)).prompt).toBe('a lake')
})

test('DELETE cancels an open job, and removes an ended one with its files', async () => {
  const { id } = await create()
  const remove = () => house.fetch(`/v1/videos/${id}`, { method: 'DELETE' })
  expect(await (await remove()).json()).toEqual({ id, object: 'video.deleted', deleted: true })
  expect(await look(id)).toMatchObject({ status: 'failed', error: { code: 'canceled' } })

  const made = await create()
  await house.succeed(made.id, [{ content: png, contentType: 'video/mp4', extension: 'mp4' }])
  expect(await house.storedFiles()).toContain('0.mp4')
  const response = await house.fetch(`/v1/videos/${made.id}`, { method: 'DELETE' })
  expect(response.status).toBe(200)
  expect(await house.storedFiles()).not.toContain('0.mp4')
  expect((await house.fetch(`/v1/videos/${made.id}`)).status).toBe(404)
})

test('a job at the vendor is asked to stop', async () => {
  const { id } = await create()
  await house.submit(id)
  expect((await house.fetch(`/v1/videos/${id}`, { method: 'DELETE' })).status).toBe(200)
  expect((await house.get(id)).cancelRequestedAtMs).toBeDefined()
})
