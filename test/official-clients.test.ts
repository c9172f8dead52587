import { createHash } from 'node:crypto'
import OpenAI, { APIError, toFile } from 'openai'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type House, OTHER_TEAM_KEY, openHouse } from './house.ts'

let house: House
let openai: OpenAI
beforeAll(async () => {
  house = await openHouse({ env: { PRESIGN_SECONDS: '60', RECONCILE_INTERVAL_MS: '300' } })
  openai = new OpenAI({ baseURL: `${house.api.url}/v1`, apiKey: ADMIN_KEY })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

type CreateParams = Parameters<OpenAI['videos']['create']>[0]

/** The SDK's types list OpenAI's own models and sizes; at run time it passes any. */
async function createVideo(params: { prompt: string } & Record<string, unknown>) {
  return openai.videos.create(params as CreateParams) // see above
}

async function completed(id: string) {
  await expect
    .poll(async () => (await openai.videos.retrieve(id)).status, { timeout: 15_000, interval: 25 })
    .toBe('completed')
  return openai.videos.retrieve(id)
}

test('stock openai SDK, only the base URL changed: create, retrieve, download the vendor’s bytes, unwrap the webhook', async () => {
  const created = await createVideo({
    model: 'runway/gen4.5',
    prompt: 'sdk text to video',
    seconds: '4',
    size: '720x1280',
    webhook_url: `${house.simulator.receiver.url}/sdk`,
    metadata: { order: '7' },
    seed: 11,
  })
  expect(created).toMatchObject({
    object: 'video',
    status: 'queued',
    model: 'runway/gen4.5',
    seconds: '4',
    size: '720x1280',
  })
  const video = await completed(created.id)
  expect(video).toMatchObject({ progress: 100, error: null })

  const task = house.simulator.runway.tasks().find(({ marker }) => marker === 'sdk text to video')
  expect(task?.body).toEqual({
    model: 'gen4.5',
    promptText: 'sdk text to video',
    ratio: '720:1280',
    duration: 4,
    seed: 11,
  })
  const content = await openai.videos.downloadContent(created.id)
  const bytes = Buffer.from(await content.arrayBuffer())
  expect(sha256(bytes)).toBe(house.simulator.runway.expectedOutput(task?.taskId ?? '').sha256)

  const delivery = await house.simulator.receiver.waitFor(({ path }) => path === '/sdk')
  const headers = Object.fromEntries(Object.entries(delivery.headers).map(([name, value]) => [name, String(value)]))
  const body = delivery.body.toString()
  expect(await openai.webhooks.unwrap(body, headers, house.secret)).toMatchObject({
    type: 'video.completed',
    data: { id: created.id },
  })
  expect(new Webhook(house.secret).verify(body, headers)).toMatchObject({ data: { metadata: { order: '7' } } })
  new SvixWebhook(house.secret).verify(body, headers)
  expect(() => new SvixWebhook(house.secret).verify(`${body} `, headers)).toThrow()
  await expect(openai.webhooks.unwrap(`${body} `, headers, house.secret)).rejects.toThrow()
})

test('stock openai SDK with a file: the bytes reach the vendor, and are deleted from the bucket when the job has ended', async () => {
  const image = await (await fetch(`${house.simulator.assets.url}/samples/input.png`)).arrayBuffer()
  const created = await createVideo({
    model: 'runway/gen4_turbo',
    prompt: 'sdk image to video',
    seconds: '5',
    size: '1280x720',
    input_reference: await toFile(Buffer.from(image), 'input.png', { type: 'image/png' }),
  })
  const inputs = () => house.simulator.store.objects().filter(({ key }) => key.includes(`inputs/${created.id}`))
  expect(inputs()).toHaveLength(1)
  await completed(created.id)
  await expect.poll(inputs, { timeout: 5_000 }).toEqual([])
  const task = house.simulator.runway.tasks().find(({ marker }) => marker === 'sdk image to video')
  const body = task?.body as { promptImage: string } // the simulator journals what it was sent
  expect(body.promptImage).toBe(`data:image/png;base64,${Buffer.from(image).toString('base64')}`)
})

test('stock openai SDK: lists with auto-paging, filters, and deletes', async () => {
  const ids: string[] = []
  for (let n = 0; n < 5; n += 1) {
    const { id } = await createVideo({
      model: 'runway/gen4.5',
      prompt: `page ${n}`,
      metadata: { batch: 'pages' },
      delay_seconds: 600,
    })
    ids.push(id)
  }
  const listed: string[] = []
  for await (const video of openai.videos.list({ limit: 2, order: 'asc' }))
    if (ids.includes(video.id)) listed.push(video.id)
  expect(listed).toEqual(ids)
  const deleted = await openai.videos.delete(ids[0] ?? '')
  expect(deleted).toMatchObject({ id: ids[0], object: 'video.deleted', deleted: true })
  for (const id of ids.slice(1)) await openai.videos.delete(id)
  for (const id of ids) await openai.videos.delete(id)
  await expect(openai.videos.retrieve(ids[0] ?? '')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
})

test('errors arrive as the SDK’s typed classes, with code and parameter', async () => {
  const refused = async (params: { prompt: string } & Record<string, unknown>) =>
    createVideo(params).then(
      () => undefined,
      (error: unknown) => error,
    )
  const size = await refused({ model: 'runway/gen4.5', prompt: 'x', size: 'banana' })
  expect(size).toBeInstanceOf(OpenAI.BadRequestError)
  expect(size).toMatchObject({ code: 'invalid_size', param: 'size', status: 400 })
  expect(await refused({ model: 'gen4.5', prompt: 'x' })).toMatchObject({ code: 'invalid_model', param: 'model' })
  const other = new OpenAI({ baseURL: `${house.api.url}/v1`, apiKey: OTHER_TEAM_KEY })
  const { id } = await createVideo({ model: 'runway/gen4.5', prompt: 'ours', delay_seconds: 600 })
  await expect(other.videos.retrieve(id)).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  await expect(openai.videos.downloadContent(id)).rejects.toMatchObject({ status: 409, code: 'not_ready' })
  const stranger = new OpenAI({ baseURL: `${house.api.url}/v1`, apiKey: 'gq_nobody_0123456789abcdef012345' })
  const unauthorized = await stranger.videos.list().then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(unauthorized).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(unauthorized instanceof APIError && unauthorized.requestID).toBeTruthy()
  await openai.videos.delete(id)
})

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
