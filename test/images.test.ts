import { createHash } from 'node:crypto'
import { ImagesResponse, JobResource } from '@genqueue/contract'
import OpenAI, { APIError, toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../scripts/free-port.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const MODEL = 'runware/runware:101@1'

let house: House
let openai: OpenAI
beforeAll(async () => {
  house = await openHouse()
  openai = new OpenAI({ baseURL: `${house.api.url}/v1`, apiKey: ADMIN_KEY })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

type Generate = Parameters<OpenAI['images']['generate']>[0] & { stream?: false }
type Edit = Parameters<OpenAI['images']['edit']>[0] & { stream?: false }

/** The SDK's types list OpenAI's own models and sizes; at run time it passes any. */
async function generate(params: Record<string, unknown>, options = {}): Promise<ImagesResponse> {
  const request = { model: MODEL, size: '512x512', ...params } as Generate // see above
  return ImagesResponse.parse(await openai.images.generate(request, options))
}
async function edit(params: Record<string, unknown>): Promise<ImagesResponse> {
  return ImagesResponse.parse(await openai.images.edit({ model: MODEL, size: '512x512', ...params } as Edit)) // see above
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const sample = async (name = 'png') =>
  Buffer.from(await (await fetch(`${house.simulator.assets.url}/samples/input.${name}`)).arrayBuffer())
const pngFile = async (name: string) => toFile(await sample(), name, { type: 'image/png' })

/** What the vendor was asked for under this prompt, and the hashes of what it made. */
function made(prompt: string, count = 1) {
  const task = house.simulator.runware.tasks().find(({ marker }) => marker === prompt)
  if (!task) throw new Error(`the vendor made nothing for ${prompt}`)
  const hashes = Array.from(
    { length: count },
    (_, index) => house.simulator.runware.expectedOutput(task.taskUUID, index).sha256,
  )
  return { body: task.request, hashes }
}

test('stock openai SDK: four images by URL, fetched without a key, byte for byte', async () => {
  const images = await generate({ prompt: 'sdk four urls', n: 4, seed: '9223372036854775000' })
  const { body, hashes } = made('sdk four urls', 4)
  expect(body).toMatchObject({ model: 'runware:101@1', width: 512, height: 512, numberResults: 4 })
  expect(images.data.map((image) => image.sha256).sort()).toEqual(hashes.toSorted())
  const fetched = await Promise.all(
    images.data.map(async ({ url = '' }) => sha256(new Uint8Array(await (await fetch(url)).arrayBuffer()))),
  )
  expect(fetched).toEqual(images.data.map((image) => image.sha256))
  expect(images).toMatchObject({ size: '512x512', cost: { unit: 'usd', final: true } })
  expect(images.data.every(({ seed }) => /^\d+$/.test(seed ?? ''))).toBe(true)
})

test('stock openai SDK: four images inside the answer', async () => {
  const images = await generate({ prompt: 'sdk four inline', n: 4, response_format: 'b64_json', output_format: 'webp' })
  const { hashes, body } = made('sdk four inline', 4)
  expect(body).toMatchObject({ outputFormat: 'WEBP' })
  expect(body).not.toHaveProperty('outputType')
  const hashed = images.data.map(({ b64_json = '' }) => sha256(Buffer.from(b64_json, 'base64')))
  expect(hashed.toSorted()).toEqual(hashes.toSorted())
  expect(hashed).toEqual(images.data.map((image) => image.sha256))
})

test('stock openai SDK: an edit of one image, of several, and with a mask', async () => {
  const one = await edit({ prompt: 'sdk edit one', image: await pngFile('a.png') })
  expect(one.data.map((image) => image.sha256)).toEqual(made('sdk edit one').hashes)
  expect(made('sdk edit one').body).toMatchObject({ seedImage: expect.stringMatching(/^data:image\/png/) })

  await edit({ prompt: 'sdk edit several', image: [await pngFile('a.png'), await pngFile('b.png')] })
  expect(made('sdk edit several').body).toMatchObject({
    seedImage: expect.stringMatching(/^data:image\/png/),
    referenceImages: [expect.stringMatching(/^data:image\/png/)],
  })

  const masked = await edit({ prompt: 'sdk edit mask', image: await pngFile('a.png'), mask: await pngFile('m.png') })
  expect(masked.data.map((image) => image.sha256)).toEqual(made('sdk edit mask').hashes)
  expect(made('sdk edit mask').body).toMatchObject({ maskImage: expect.stringMatching(/^data:image\/png/) })
})

test('stock openai SDK: an uploaded file is edited twice and is still there', async () => {
  const { id } = await openai.files.create({ file: await pngFile('kept.png'), purpose: 'vision' })
  for (const prompt of ['sdk file first', 'sdk file second']) {
    const response = await house.call('POST', '/v1/images/edits', { model: MODEL, prompt, image: id, size: '512x512' })
    expect(ImagesResponse.parse(await response.json()).data[0]?.sha256).toBe(made(prompt).hashes[0])
  }
  const content = await openai.files.content(id)
  expect(sha256(new Uint8Array(await content.arrayBuffer()))).toBe(sha256(await sample()))
  await openai.files.delete(id)
})

test("Runway's image model goes in by the same door, references included", async () => {
  const reference = `${house.simulator.assets.url}/samples/input.png`
  const images = await generate({
    model: 'runway/gen4_image',
    prompt: 'sdk runway image of @lake',
    size: '1280x720',
    reference_images: [{ uri: reference, tag: 'lake' }],
  })
  const task = house.simulator.runway.tasks().find(({ marker }) => marker === 'sdk runway image of @lake')
  expect(task?.body).toMatchObject({ ratio: '1280:720', referenceImages: [{ uri: reference, tag: 'lake' }] })
  expect(images.data[0]?.sha256).toBe(house.simulator.runway.expectedOutput(task?.taskId ?? '').sha256)
})

test('stock openai SDK: a video of a Runware model', async () => {
  const params: { prompt: string } & Record<string, unknown> = {
    model: 'runware/klingai:5@3',
    prompt: 'sdk runware video',
    seconds: '5',
    size: '1920x1080',
    input_reference: await pngFile('first.png'),
  }
  const created = await openai.videos.create(params as Parameters<OpenAI['videos']['create']>[0]) // as above
  expect(created).toMatchObject({ status: 'queued', model: 'runware/klingai:5@3', seconds: '5' })
  const statusOf = async () => (await openai.videos.retrieve(created.id)).status
  await expect.poll(statusOf, { timeout: 15_000, interval: 25 }).toBe('completed')
  const content = await openai.videos.downloadContent(created.id)
  const { hashes, body } = made('sdk runware video')
  expect(sha256(new Uint8Array(await content.arrayBuffer()))).toBe(hashes[0])
  expect(body).toMatchObject({ duration: 5, inputs: { frameImages: [{ frame: 'first' }] } })
})

test('what the vendor refuses is told once, with its words, as the typed error', async () => {
  const error: unknown = await generate({ prompt: 'sdk refused', steps: 'many' }).catch((reason: unknown) => reason)
  if (!(error instanceof APIError)) throw new Error(`expected an APIError, got ${error}`)
  expect(error).toMatchObject({ status: 400, code: 'invalid_input', type: 'invalid_request_error' })
  expect(error.headers?.get('x-should-retry')).toBe('false')
  const id = error.headers?.get('x-job-id') ?? ''
  expect(await house.get(id)).toMatchObject({ status: 'failed', error: { code: 'invalid_input' } })
})

test('respond-async: the job at once, its images later', async () => {
  const body = { model: MODEL, prompt: 'prefer async', size: '512x512' }
  const response = await house.call('POST', '/v1/images/generations', body, { prefer: 'respond-async' })
  expect(response.status).toBe(202)
  const { id } = JobResource.parse(await response.json())
  expect((await house.ended(id)).outputs[0]?.sha256).toBe(made('prefer async').hashes[0])
})

test('two hundred calls at once are answered, each with its own image, each charged once', async () => {
  const prompts = Array.from({ length: 200 }, (_, index) => `crowd ${index}.`)
  const answers = await Promise.all(
    prompts.map((prompt) =>
      generate({ prompt }, { headers: { 'Idempotency-Key': prompt.replace(' ', '-') }, maxRetries: 5 }),
    ),
  )
  const expected = prompts.map((prompt) => made(prompt).hashes[0])
  expect(answers.map(({ data }) => data[0]?.sha256)).toEqual(expected)
})

test('the vendor reports the end of a video at an address of its own, and is answered', async () => {
  const port = String(await freePort())
  const hooked = await openHouse({
    env: { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}`, HOOK_SECRET: 'a-secret-for-hooks-0123456789' },
  })
  const { id } = await hooked.postRunware({ prompt: 'with a hook' })
  expect((await hooked.ended(id)).status).toBe('succeeded')
  const answers = () => hooked.simulator.runware.pushes().map(({ status }) => status)
  await expect.poll(answers).toEqual([204])
  const [push] = hooked.simulator.runware.pushes()
  expect(push?.url).toMatch(/\/hooks\/runware\/[0-9a-f-]{36}\.[\w-]{43}$/)
  await hooked.close()
})
