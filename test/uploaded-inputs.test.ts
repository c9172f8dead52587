import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { ADMIN_KEY, type House, openHouse } from './house.ts'
import { IMAGE } from './waiting-jobs.ts'

const PNG = readFileSync(new URL('../packages/simulator/media/output.png', import.meta.url))
const MB = 1024 * 1024
const KEYS = ['a', 'b'].map((letter) => letter.repeat(32))

let house: House
beforeAll(async () => {
  house = await openHouse({ simulator: { runware: { keys: KEYS } }, env: { RUNWARE_API_KEY: KEYS[0] ?? '' } })
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

/** Too large to go into a body. */
async function upload(bytes: number): Promise<string> {
  const form = new FormData()
  form.set('purpose', 'vision')
  form.set('file', new Blob([PNG, Buffer.alloc(bytes, 7)], { type: 'image/png' }), 'large.png')
  const authorization = `Bearer ${ADMIN_KEY}`
  const response = await fetch(`${house.api.url}/v1/files`, { method: 'POST', headers: { authorization }, body: form })
  return z.object({ id: z.string() }).parse(await response.json()).id
}

const edit = (file: string, prompt: string) =>
  house.postRunware({ operation: 'imageInference', input: { ...IMAGE, seedImage: file, positivePrompt: prompt } })

async function expectMade(...ids: string[]): Promise<void> {
  const ended = await Promise.all(ids.map((id) => house.ended(id)))
  expect(ended).toMatchObject(ids.map(() => ({ status: 'succeeded', error: null })))
}

const Edit = z.object({ seedImage: z.string() })
const seedImages = (prompt: string) =>
  house.simulator.runware
    .tasks()
    .flatMap(({ marker = '', request }) => (marker.startsWith(prompt) ? [Edit.parse(request).seedImage] : []))

test('Runware: jobs with one file share one upload, renewed once when it is forgotten, and with another key anew', async () => {
  const { runware } = house.simulator
  const file = await upload(MB)
  const [first, second] = await Promise.all([edit(file, 'shared 1'), edit(file, 'shared 2')])
  await expectMade(first.id, second.id)
  await expectMade((await edit(file, 'shared 3')).id)
  const [kept] = runware.uploads()
  expect(runware.uploads()).toHaveLength(1)
  expect(seedImages('shared')).toEqual([kept?.uuid, kept?.uuid, kept?.uuid])

  runware.forgetUploads()
  const again = await Promise.all([1, 2, 3].map((n) => edit(file, `forgotten ${n}`)))
  await expectMade(...again.map(({ id }) => id))
  const renewed = runware.uploads().at(-1)
  expect(runware.uploads()).toHaveLength(2)
  expect(seedImages('forgotten')).toEqual([renewed?.uuid, renewed?.uuid, renewed?.uuid])
  await expectMade((await edit(file, 'after it')).id)
  expect(runware.uploads()).toHaveLength(2)

  await Promise.all(house.workers.map((worker) => worker.stop()))
  await house.addWorker({ RUNWARE_API_KEY: KEYS[1] ?? '' })
  await expectMade((await edit(file, 'other key')).id)
  expect(runware.uploads()).toHaveLength(3)
  expect(seedImages('other key')).toEqual([runware.uploads().at(-1)?.uuid])
  const charges = runware.ledger().entries.map((entry) => entry.charges)
  expect(charges).toEqual(Array(8).fill(1))
})

test('Runway: jobs with one file share one upload, and what it cannot read any more is uploaded anew', async () => {
  const { runway } = house.simulator
  const promptImage = await upload(5 * MB)
  const animate = (promptText: string) => {
    const input = { model: 'gen4_turbo', promptText, promptImage, ratio: '1280:720', duration: 5 }
    return house.post({ operation: 'image_to_video', input })
  }
  await expectMade((await animate('runway 1')).id)
  await expectMade((await animate('runway 2')).id)
  expect(runway.uploads()).toHaveLength(1)

  runway.fault('create.400_asset', { reason: 'non_200', path: 'promptImage' })
  await expectMade((await animate('runway 3')).id)
  expect(runway.uploads()).toHaveLength(2)
  const images = runway.tasks().map(({ body }) => z.object({ promptImage: z.string() }).parse(body).promptImage)
  expect(images).toEqual([0, 0, 1].map((index) => runway.uploads()[index]?.uri))
})
