import { afterAll, beforeAll, expect, it } from 'vitest'
import { videoModelsFor } from './models.ts'
import { type SimulatedRunway, simulateRunway } from './simulate-runway.fixture.ts'
import { translateVideo } from './translate.ts'

let world: SimulatedRunway
beforeAll(async () => {
  world = await simulateRunway()
})
afterAll(() => world.close())

/** Named by the older dialect or gone from today's API. */
const GONE = new Set(['gen4', 'gen4_aleph', 'gen3a_turbo', 'veo3'])
const SOURCES = {
  text_to_video: {},
  image_to_video: { input_reference: 'https://cdn.example.com/a.png' },
  video_to_video: { video_uri: 'https://cdn.example.com/a.mp4' },
}
const CASES = (['text_to_video', 'image_to_video', 'video_to_video'] as const).flatMap((mode) =>
  videoModelsFor(mode).flatMap((model) => (GONE.has(model) ? [] : [{ mode, model }])),
)

it.each(CASES)('$model takes what $mode is translated to, with the defaults alone', async ({ mode, model }) => {
  const { operation, body } = translateVideo({ model, prompt: 'a cat', ...SOURCES[mode] })
  expect(operation).toBe(mode)
  const outcome = await world.provider.submit({ operation, body, clientRef: 'ref' }, world.call())
  expect(outcome).toMatchObject({ kind: 'accepted' })
})

it('the older dialect takes the request of the pages too', async () => {
  const older = await simulateRunway({ dialect: 'seed004' })
  try {
    const { operation, body } = translateVideo({
      model: 'gen4_turbo',
      prompt: 'A cinematic drone shot over mountains at golden hour',
      seconds: '5',
      size: '1280x720',
      input_reference: 'https://cdn.example.com/a.png',
    })
    const outcome = await older.provider.submit({ operation, body, clientRef: 'ref' }, older.call())
    expect(outcome).toMatchObject({ kind: 'accepted' })
  } finally {
    await older.close()
  }
})
