import { createRunware } from '@runware/ai-sdk-provider'
import { RunwareServer } from '@runware/sdk-js'
import { generateImage } from 'ai'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { download } from '../simulation.fixture.ts'
import { test, type Vendor } from './vendor.fixture.ts'

async function connected({ runware, key }: Vendor): Promise<InstanceType<typeof RunwareServer>> {
  const client = new RunwareServer({ apiKey: key, url: runware.wsUrl, shouldReconnect: false })
  onTestFinished(() => client.disconnect())
  await client.ensureConnection()
  return client
}

const ASKED = { positivePrompt: 'a quiet lake', width: 512, height: 512 }

describe('the official clients, with nothing changed but the base URL,', () => {
  test('@runware/ai-sdk-provider makes images over REST and downloads the right bytes', async ({ vendor }) => {
    // The client logs the answer as a warning whenever a setting has a default.
    vi.stubGlobal('AI_SDK_LOG_WARNINGS', false)
    onTestFinished(() => void vi.unstubAllGlobals())
    const { runware, sim, key } = await vendor({ clock: 'real', runware: { imageMs: 20 } })
    const provider = createRunware({ apiKey: key, baseURL: runware.url })
    const { images } = await generateImage({
      model: provider.image('runware:101@1'),
      prompt: 'a quiet lake',
      size: '512x512',
      n: 2,
      maxRetries: 0,
    })
    const expected = runware.tasks().map(({ taskUUID }) => runware.expectedOutput(taskUUID).bytes.toString('base64'))
    expect(images.map(({ base64 }) => base64).sort()).toEqual(expected.sort())
    const entry = { charges: 1, requests: 1 }
    expect(runware.ledger()).toMatchObject({ entries: [entry, entry], costUsd: 0.0076 })
    expect(sim.violations()).toEqual([])
  })

  test('@runware/sdk-js makes images over its WebSocket', async ({ vendor }) => {
    const given = await vendor({ clock: 'real', runware: { imageMs: 20 } })
    const client = await connected(given)
    const images = await client.requestImages({ ...ASKED, model: 'runware:101@1', numberResults: 2 })
    expect(images).toHaveLength(2)
    for (const [index, made] of (images ?? []).entries()) {
      const { bytes } = await download(String(made.imageURL))
      expect(bytes.equals(given.runware.expectedOutput(made.taskUUID, index).bytes)).toBe(true)
    }
    expect(given.runware.ledger()).toMatchObject({ entries: [{ charges: 2, requests: 1 }] })
    expect(given.sim.violations()).toEqual([])
  })

  test('@runware/sdk-js sees its bad key and bad parameters refused', async ({ vendor }) => {
    const given = await vendor({ clock: 'real', runware: { imageMs: 20 } })
    const client = await connected(given)
    const refused = client.requestImages({ ...ASKED, model: 'runware:101@1', width: 500 })
    await expect(refused).rejects.toMatchObject({ error: { code: 'invalidWidth' } })
    const stranger = new RunwareServer({ apiKey: 'wrong', url: given.runware.wsUrl, shouldReconnect: false })
    onTestFinished(() => stranger.disconnect())
    await expect(stranger.requestImages({ ...ASKED, model: 'runware:101@1' })).rejects.toMatchObject({
      error: { code: 'invalidApiKey' },
    })
    expect(given.runware.tasks()).toEqual([])
  })

  test('@runware/sdk-js makes a video by polling for it', async ({ vendor }) => {
    const given = await vendor({ clock: 'real', runware: { videoMs: 1000 } })
    const client = await connected(given)
    const made = await client.videoInference({ ...ASKED, model: 'klingai:5@3', duration: 5 })
    const [clip] = Array.isArray(made) ? made : [made]
    const [task] = given.runware.tasks()
    expect(clip).toMatchObject({ videoURL: expect.any(String) })
    const { bytes } = await download(String(Object(clip).videoURL))
    expect(bytes.equals(given.runware.expectedOutput(task?.taskUUID ?? '').bytes)).toBe(true)
    expect(given.runware.ledger()).toMatchObject({ entries: [{ charges: 1, costUsd: 0.45 }] })
    expect(given.sim.violations()).toEqual([])
  })
})
