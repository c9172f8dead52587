import type RunwayML from '@runwayml/sdk'
import { describe, expect } from 'vitest'
import { type Start, test } from '../simulation.fixture.ts'
import type { SimulatorOptions } from '../simulator.ts'

const image = 'https://media.example.com/a.png'
const video = 'https://media.example.com/a.mp4'
const audio = 'https://media.example.com/a.wav'
const voice = { type: 'runway-preset', presetId: 'Maya' } as const

const CREATES: Readonly<Record<string, (sdk: RunwayML) => Promise<{ id: string }>>> = {
  text_to_video: (sdk) =>
    sdk.textToVideo.create({ model: 'veo3.1', promptText: 'a lake', ratio: '1920:1080', duration: 8, audio: true }),
  image_to_video: (sdk) =>
    sdk.imageToVideo.create({
      model: 'veo3.1',
      ratio: '1280:720',
      promptImage: [
        { uri: image, position: 'first' },
        { uri: image, position: 'last' },
      ],
    }),
  video_to_video: (sdk) => sdk.videoToVideo.create({ model: 'aleph2', videoUri: video, promptText: 'make it snow' }),
  video_to_hdr: (sdk) => sdk.videoToHdr.create({ model: 'ruby', videoUri: video, outputFormat: 'hdr10' }),
  text_to_image: (sdk) =>
    sdk.textToImage.create({
      model: 'gen4_image_turbo',
      promptText: '@bird in flight',
      ratio: '1024:1024',
      referenceImages: [{ uri: image, tag: 'bird' }],
    }),
  character_performance: (sdk) =>
    sdk.characterPerformance.create({
      model: 'act_two',
      character: { type: 'image', uri: image },
      reference: { type: 'video', uri: video },
    }),
  image_upscale: (sdk) =>
    sdk.imageUpscale.create({ model: 'magnific_precision_upscaler_v2', imageUri: image, scaleFactor: 4 }),
  video_upscale: (sdk) =>
    sdk.videoUpscale.create({ model: 'enhance_frame_rate', videoUri: video, targetFramerate: '60' }),
  sound_effect: (sdk) =>
    sdk.soundEffect.create({ model: 'eleven_text_to_sound_v2', promptText: 'rain', duration: 2.5 }),
  text_to_speech: (sdk) => sdk.textToSpeech.create({ model: 'eleven_multilingual_v2', promptText: 'hello', voice }),
  speech_to_speech: (sdk) =>
    sdk.speechToSpeech.create({ model: 'eleven_multilingual_sts_v2', media: { type: 'audio', uri: audio }, voice }),
  voice_dubbing: (sdk) => sdk.voiceDubbing.create({ model: 'eleven_voice_dubbing', audioUri: audio, targetLang: 'de' }),
  voice_isolation: (sdk) => sdk.voiceIsolation.create({ model: 'eleven_voice_isolation', audioUri: audio }),
  avatar_videos: (sdk) =>
    sdk.avatarVideos.create({
      model: 'gwm1_avatars',
      avatar: { type: 'runway-preset', presetId: 'influencer' },
      speech: { type: 'text', text: 'hello' },
    }),
  'recipes/product_ad': (sdk) => sdk.recipes.productAd({ version: '2026-06', productImages: [{ uri: image }] }),
  'recipes/multi_shot_video': (sdk) =>
    sdk.recipes.multiShotVideo({ version: '2026-06', mode: 'auto', prompt: 'a day' }),
}

describe('the official SDK, with nothing changed but the base URL,', () => {
  for (const [endpoint, create] of Object.entries(CREATES)) {
    test(`creates at ${endpoint}, sees the task pass through its states and finds an output`, async ({ start }) => {
      const { sim, sdk } = await startWithSdk(start)
      const { id } = await create(sdk)
      expect((await sdk.tasks.retrieve(id)).status).toBe('PENDING')
      sim.clock.advance(10_000)
      expect(await sdk.tasks.retrieve(id)).toMatchObject({ status: 'RUNNING', progress: 0.4 })
      sim.clock.advance(12_000)
      const task = await sdk.tasks.retrieve(id)
      expect(task).toMatchObject({ status: 'SUCCEEDED', cost: { credits: expect.any(Number) } })
      const [url] = task.status === 'SUCCEEDED' ? task.output : []
      const response = await fetch(url ?? '')
      const bytes = Buffer.from(await response.arrayBuffer())
      const expected = sim.runway.expectedOutput(id)
      expect(response.headers.get('content-type')).toBe(expected.contentType)
      expect(bytes.equals(expected.bytes)).toBe(true)
      expect(sim.violations()).toEqual([])
    })
  }

  test('deletes a task, which is gone afterwards', async ({ start }) => {
    const { sdk } = await startWithSdk(start)
    const { id } = await sdk.voiceIsolation.create({ model: 'eleven_voice_isolation', audioUri: audio })
    await sdk.tasks.delete(id)
    await expect(sdk.tasks.retrieve(id)).rejects.toMatchObject({ status: 404, error: { error: 'Could not find Task' } })
    await expect(sdk.tasks.delete(id)).rejects.toMatchObject({ status: 404 })
  })

  test('uploads a file and uses it in a body for as long as it lives', async ({ start }) => {
    const { sdk, sim } = await startWithSdk(start)
    const { uri } = await sdk.uploads.createEphemeral({ file: new File([Buffer.alloc(2048, 1)], 'clip.mp4') })
    const body = { model: 'aleph2', videoUri: uri } as const
    await expect(sdk.videoToVideo.create(body)).resolves.toHaveProperty('id')
    sim.clock.advance(24 * 60 * 60 * 1000)
    await expect(sdk.videoToVideo.create(body)).rejects.toMatchObject({
      status: 400,
      error: { issues: [{ code: 'custom', path: ['videoUri'] }] },
    })
    expect(sim.violations()).toEqual([])
  })

  test('reads the organization: balance, limits and what was made today', async ({ start }) => {
    const { sdk, sim } = await startWithSdk(start)
    sim.runway.setConcurrency(2, 'gen4.5')
    sim.runway.setDailyCap(200, 'gen4.5')
    await sdk.textToVideo.create({ model: 'gen4.5', promptText: 'a lake', ratio: '1280:720', duration: 5 })
    const organization = await sdk.organization.retrieve()
    expect(organization.creditBalance).toBe(1_000_000 - 60)
    expect(organization.tier.models['gen4.5']).toEqual({ maxConcurrentGenerations: 2, maxDailyGenerations: 200 })
    expect(organization.usage.models).toEqual({ 'gen4.5': { dailyGenerations: 1 } })
  })

  test('waits for the output of a task with its own polling', { timeout: 20_000 }, async ({ start }) => {
    const { sdk, sim } = await startWithSdk(start, { clock: { speed: 20 } })
    const created = await sdk.voiceIsolation.create({ model: 'eleven_voice_isolation', audioUri: audio })
    const task = await sdk.tasks.retrieve(created.id).waitForTaskOutput()
    expect(task.output).toHaveLength(1)
    expect(sim.runway.ledger()).toMatchObject({
      creditsCharged: 1,
      entries: [{ status: 'SUCCEEDED', refunded: false }],
    })
  })

  test('gets a task with the answer of avatar_videos that names no cost', async ({ start }) => {
    const { sdk } = await startWithSdk(start)
    const create = CREATES.avatar_videos
    await expect(create?.(sdk)).resolves.toEqual({ id: expect.any(String) })
  })
})

async function startWithSdk(start: Start, options: SimulatorOptions = {}) {
  const simulation = await start(options)
  return { sim: simulation.sim, sdk: simulation.sdk() }
}
