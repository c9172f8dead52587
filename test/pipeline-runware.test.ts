import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'
import { IMAGE, openWaitingJobs, type WaitingJobs } from './waiting-jobs.ts'

let house: House
let waiting: WaitingJobs
beforeAll(async () => {
  house = await openHouse()
  waiting = await openWaitingJobs(house)
})
afterAll(async () => {
  house.assertHonest()
  await waiting.close()
  await house.close()
})

test('a video is submitted once, looked at until it is there, and copied as the vendor made it', async () => {
  const { id } = await house.postRunware({ prompt: 'a ship' })
  const job = await house.ended(id)
  expect(job).toMatchObject({ status: 'succeeded', provider: 'runware', kind: 'video', upstream_status: 'success' })
  const expected = house.simulator.runware.expectedOutput(job.task_id ?? '')
  expect(job.outputs).toMatchObject([{ sha256: expected.sha256, content_type: 'video/mp4' }])
  expect(job.cost).toEqual({ amount: 0.45, unit: 'usd', usd: 0.45, final: true })
  expect(Object.keys(job.times).toSorted()).toEqual(['generated', 'queued', 'submitted', 'submitting', 'succeeded'])
  expect((await house.webhook(id)).data).toEqual(job)
})

test('an image whose caller waits is made, copied and told in one go, with its seeds and without a look', async () => {
  const prompt = 'four apples'
  const id = await waiting.accept('imageInference', { ...IMAGE, positivePrompt: prompt, numberResults: 4, seed: 7 })
  await waiting.told(id)
  const job = await house.get(id)
  expect(job).toMatchObject({ status: 'succeeded', kind: 'image', attempts: { submits: 1, polls: 0 } })
  expect(job.outputs.map(({ seed }) => seed)).toEqual(['7', '8', '9', '10'])
  const made = [0, 1, 2, 3].map((index) => house.simulator.runware.expectedOutput(job.task_id ?? '', index).sha256)
  expect(job.outputs.map(({ sha256 }) => sha256)).toEqual(made)
  expect(Object.keys(job.times).toSorted()).toEqual(['generated', 'queued', 'submitting', 'succeeded'])
  expect(house.simulator.runware.tasks().find(({ marker }) => marker === prompt)?.isAsync).toBe(false)
})

test.each([
  ['caption', { inputs: { image: PNG() } }, 'text/plain', 'text'],
  ['promptEnhance', { prompt: 'a cat', promptVersions: 2 }, 'text/plain', 'text'],
  ['vectorize', { inputs: { image: PNG() }, model: 'recraft:1@1' }, 'image/svg+xml', 'image'],
  ['3dInference', { model: 'tripo:1@1', positivePrompt: 'a chair' }, 'model/gltf-binary', 'model3d'],
  ['audioInference', { model: 'elevenlabs:1@1', positivePrompt: 'rain' }, 'audio/mpeg', 'audio'],
  ['removeBackground', { inputs: { image: PNG() }, model: 'runware:109@1' }, 'image/png', 'image'],
])('%s gives its own kind of file, asked for by a waiting caller or not', async (operation, input, type, kind) => {
  const waited = await waiting.accept(operation, input, operation === 'promptEnhance' ? { results: 2 } : {})
  const { id: queued } = await house.postRunware({ operation, input: renamed(input) })
  for (const id of [waited, queued]) {
    const job = await house.ended(id)
    expect(job).toMatchObject({ status: 'succeeded', kind, error: null })
    expect(job.outputs).toHaveLength(operation === 'promptEnhance' ? 2 : 1)
    for (const [index, { sha256, content_type }] of job.outputs.entries()) {
      const { runware } = house.simulator
      const taskId = job.task_id ?? ''
      const expected =
        kind === 'text'
          ? createHash('sha256').update(runware.expectedText(taskId, index)).digest('hex')
          : runware.expectedOutput(taskId, index).sha256
      expect([sha256, content_type]).toEqual([expected, type])
    }
  }
})

/** The ledger counts by prompt. */
function renamed(input: Record<string, unknown>): Record<string, unknown> {
  const { prompt, positivePrompt } = input
  return {
    ...input,
    ...(typeof prompt === 'string' && { prompt: `${prompt}, later` }),
    ...(typeof positivePrompt === 'string' && { positivePrompt: `${positivePrompt}, later` }),
  }
}

function PNG(): string {
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  return `data:image/png;base64,${pixel}`
}
