import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { download } from '../simulation.fixture.ts'
import { dataOf, errorsOf, type Item, image, test, type Vendor, video } from './vendor.fixture.ts'

const picture = 'https://example.com/a.png'

/** Posts a task that waits for its result, and lets its time pass. */
async function waited(vendor: Vendor, task: object): Promise<Item> {
  const answer = vendor.post([task])
  const before = vendor.runware.tasks().length
  await expect.poll(() => vendor.runware.tasks().length).toBe(before + 1)
  vendor.sim.clock.advance(12_000)
  const { status, json } = await answer
  expect([status, json.errors]).toEqual([200, undefined])
  return dataOf({ json })[0] ?? {}
}
const urlIn = (item: Item): string => {
  const [, url] = Object.entries(item).find(([name]) => name.endsWith('URL')) ?? []
  return String(url ?? Object(item.outputs).files?.[0]?.url)
}

const SYNC_TASKS: readonly (readonly [object, readonly string[], string])[] = [
  [
    { taskType: 'imageInference', model: 'runware:101@1', positivePrompt: 'a lake', width: 512, height: 512 },
    ['imageUUID', 'imageURL', 'seed'],
    'image/jpeg',
  ],
  [
    { taskType: 'audioInference', model: 'elevenlabs:1@1', positivePrompt: 'a lake', duration: 5, outputFormat: 'WAV' },
    ['audioUUID', 'audioURL'],
    'audio/wav',
  ],
  [
    { taskType: 'audioInference', model: 'elevenlabs:1@1', positivePrompt: 'a lake' },
    ['audioUUID', 'audioURL'],
    'audio/mpeg',
  ],
  [{ taskType: '3dInference', model: 'tripo:1@1', inputs: { image: picture } }, ['outputs'], 'model/gltf-binary'],
  [
    { taskType: '3dInference', model: 'tripo:1@1', positivePrompt: 'a cup', outputFormat: 'ZIP' },
    ['outputs'],
    'application/zip',
  ],
  [
    { taskType: 'upscale', inputs: { image: picture }, upscaleFactor: 2, outputFormat: 'WEBP' },
    ['imageUUID', 'imageURL', 'inputImageUUID'],
    'image/webp',
  ],
  [{ taskType: 'imageUpscale', inputImage: picture }, ['imageUUID', 'imageURL', 'inputImageUUID'], 'image/jpeg'],
  [
    { taskType: 'removeBackground', inputs: { image: picture } },
    ['imageUUID', 'imageURL', 'inputImageUUID'],
    'image/png',
  ],
  [{ taskType: 'vectorize', inputs: { image: picture } }, ['imageUUID', 'imageURL', 'inputImageUUID'], 'image/svg+xml'],
  [
    { taskType: 'controlNetPreprocess', inputImage: picture },
    ['guideImageUUID', 'guideImageURL', 'inputImageUUID'],
    'image/jpeg',
  ],
  [
    { taskType: 'imageMasking', model: 'runware:35@1', inputImage: picture },
    ['maskImageUUID', 'maskImageURL', 'inputImageUUID', 'detections'],
    'image/jpeg',
  ],
]

describe('POST /v1 answers', () => {
  for (const [task, fields, contentType] of SYNC_TASKS) {
    const { taskType, outputFormat = 'its usual format' } = Object(task)
    test(`a waiting ${taskType} in ${outputFormat} with the fields of its type and the right bytes`, async ({
      vendor,
    }) => {
      const given = await vendor()
      const taskUUID = randomUUID()
      const item = await waited(given, { ...task, taskUUID, includeCost: true })
      expect(Object.keys(item).sort()).toEqual(['taskType', 'taskUUID', ...fields, 'cost'].sort())
      expect(item).toMatchObject({ taskType, taskUUID, cost: given.runware.ledger().costUsd })
      const { bytes, headers } = await download(urlIn(item))
      expect(headers.get('content-type')).toBe(contentType)
      expect(bytes.equals(given.runware.expectedOutput(taskUUID).bytes)).toBe(true)
      expect((await given.poll(taskUUID)).json, 'a poll of a task that was waited for').toEqual({ data: [] })
    })
  }

  test('captions and enhanced prompts with their text', async ({ vendor }) => {
    const given = await vendor()
    const caption = { taskType: 'caption', taskUUID: randomUUID(), inputs: { image: picture } }
    expect((await waited(given, caption)).text).toBe(given.runware.expectedText(caption.taskUUID))
    const enhance = { taskType: 'promptEnhance', taskUUID: randomUUID(), prompt: 'a lake', promptVersions: 3 }
    expect((await waited(given, enhance)).text).toContain('a lake, in fine detail')
    expect(given.runware.ledger().entries.at(-1)).toMatchObject({ generations: 3, charges: 3 })
  })

  test('with base64 and data URIs when asked, and no URL then', async ({ vendor }) => {
    const given = await vendor()
    for (const [outputType, field, head] of [
      ['base64Data', 'imageBase64Data', ''],
      ['dataURI', 'imageDataURI', 'data:image/png;base64,'],
    ] as const) {
      const task = image({ outputType, outputFormat: 'PNG' })
      const item = await waited(given, task)
      expect(item[field]).toBe(head + given.runware.expectedOutput(task.taskUUID).bytes.toString('base64'))
      expect(item).not.toHaveProperty('imageURL')
    }
  })

  test('a video tool task as a video, asynchronously', async ({ vendor }) => {
    const given = await vendor()
    const task = { taskType: 'upscale', taskUUID: randomUUID(), inputs: { video: 'https://example.com/a.mp4' } }
    expect((await given.post([task])).json).toEqual({ data: [{ taskType: 'upscale', taskUUID: task.taskUUID }] })
    given.sim.clock.advance(12_000)
    expect(dataOf(await given.poll(task.taskUUID))).toMatchObject([{ status: 'success', videoURL: expect.any(String) }])
  })

  test('several tasks together, by UUID, results and errors side by side', async ({ vendor }) => {
    const given = await vendor()
    const [good, bad, clip] = [image(), image({ width: 500 }), video()]
    const answer = given.post([good, bad, clip])
    await expect.poll(() => given.runware.tasks()).toHaveLength(2)
    given.sim.clock.advance(800)
    const { status, json } = await answer
    expect(status).toBe(200)
    expect(dataOf({ json })).toMatchObject([
      { taskUUID: good.taskUUID, imageURL: expect.any(String) },
      { taskUUID: clip.taskUUID },
    ])
    expect(errorsOf({ json })).toMatchObject([{ taskUUID: bad.taskUUID, code: 'invalidWidth', parameter: 'width' }])
  })

  test('seeds digit by digit, chosen ones and its own, one more for each further result', async ({ vendor }) => {
    const given = await vendor()
    const { taskUUID, ...task } = video({ numberResults: 2 })
    await given.post(`[{"taskUUID":"${taskUUID}","seed":9007199254740993,${JSON.stringify(task).slice(1)}]`)
    given.sim.clock.advance(12_000)
    const { bytes } = await given.poll(taskUUID)
    expect(bytes.toString().match(/"seed":\d+/g)).toEqual(['"seed":9007199254740993', '"seed":9007199254740994'])
    expect((await given.details(taskUUID)).bytes.toString()).toContain('"request":[{"taskUUID"')
    const [own] = dataOf(await given.finished())
    expect(own?.seed).toEqual(expect.any(Number))
  })

  test('a key in the first element as well as in the header, and says what is wrong with a key', async ({ vendor }) => {
    const given = await vendor()
    const own = { taskType: 'authentication', apiKey: given.key }
    expect((await given.post([own, video()], { key: '' })).status).toBe(200)
    given.runware.addKey('suspended-key')
    given.runware.setKeyStatus('suspended-key', 'suspended')
    for (const [key, status, code] of [
      ['', 401, 'missingApiKey'],
      ['wrong', 401, 'invalidApiKey'],
      ['suspended-key', 403, 'accountSuspended'],
    ] as const) {
      const answer = await given.post([video()], { key })
      expect([answer.status, errorsOf(answer)]).toMatchObject([status, [{ code, taskType: 'authentication' }]])
    }
  })

  test('anything but an array of tasks, and any other place or method, with errors', async ({ vendor }) => {
    const given = await vendor()
    expect(errorsOf(await given.post(video()))).toMatchObject([{ code: 'arrayRequired' }])
    expect(errorsOf(await given.post('{'))).toMatchObject([{ code: 'invalidJson' }])
    expect(errorsOf(await given.post(['a task']))).toMatchObject([{ code: 'invalidTask' }])
    expect(errorsOf(await given.post([{ taskType: 'magic' }]))).toMatchObject([{ code: 'unsupportedTaskType' }])
    expect((await download(given.runware.url)).status).toBe(405)
    expect((await download(`${given.runware.url}/tasks`)).status).toBe(404)
  })

  test('a dry run with the price, and runs nothing', async ({ vendor }) => {
    const given = await vendor()
    const answer = await given.video({ numberResults: 2 }, { headers: { 'x-runware-dry-run': '1' } })
    expect(dataOf(answer)).toEqual([{ taskType: 'videoInference', taskUUID: answer.uuid, cost: 0.9 }])
    expect((await given.post([video({ taskUUID: answer.uuid })])).status).toBe(200)
  })

  test('a request that waits too long with a timeout, while its task goes on', async ({ vendor }) => {
    const given = await vendor({ runware: { edgeTimeoutMs: 5000 } })
    const task = video({ deliveryMethod: 'sync' })
    const answer = given.post([task])
    await expect.poll(() => given.runware.tasks()).toHaveLength(1)
    given.sim.clock.advance(5000)
    expect([(await answer).status, errorsOf(await answer)[0]?.code]).toEqual([504, 'timeout'])
    given.sim.clock.advance(7000)
    expect(given.runware.ledger()).toMatchObject({ costUsd: 0.45, entries: [{ status: 'success', charges: 1 }] })
  })

  test('the small tasks: models, the account, ping, uploads and what is stored', async ({ vendor }) => {
    const given = await vendor()
    const { json } = await given.post([
      { taskType: 'modelSearch', taskUUID: randomUUID(), search: 'flux', limit: 1 },
      { taskType: 'ping', ping: true },
      { taskType: 'mediaStorage', taskUUID: randomUUID(), operation: 'upload', media: picture },
    ])
    const [models, pong, stored] = dataOf({ json })
    expect(models).toMatchObject({ results: [{ air: expect.stringContaining('runware:') }], totalResults: 2 })
    expect([pong, stored?.operation]).toEqual([{ taskType: 'ping', pong: true }, 'upload'])
    const removal = { taskType: 'mediaStorage', taskUUID: randomUUID(), operation: 'delete', media: stored?.mediaUUID }
    expect((await given.post([removal])).status).toBe(200)
    expect((await given.post([removal])).status).toBe(400)
    const bytes = Buffer.from('a picture, more or less')
    const inline = `data:image/png;base64,${bytes.toString('base64')}`
    const [upload] = dataOf(await given.post([{ taskType: 'imageUpload', taskUUID: randomUUID(), image: inline }]))
    expect((await download(String(upload?.imageURL))).bytes.equals(bytes)).toBe(true)
    expect((await given.post([video({ inputs: { frameImages: [{ image: upload?.imageUUID }] } })])).status).toBe(200)
  })
})
