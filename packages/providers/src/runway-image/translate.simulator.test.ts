import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type SimulatedRunway, simulateRunway } from '../runway/simulate-runway.fixture.ts'
import { translateRunwayImage } from './translate-image.ts'

// The vendor refuses what it does not know, so this shows that every name and value is one of its own.
let world: SimulatedRunway
beforeAll(async () => {
  world = await simulateRunway()
})
afterAll(() => world.close())

const A = 'https://a.example.com/a.png'
const prompt = 'a cat'

it.each<[Parameters<typeof translateRunwayImage>[0], string[]]>([
  [{ model: 'gen4_image', prompt, size: '1920x1080', n: 1, seed: 7, response_format: 'b64_json', user: 'me' }, []],
  [{ model: 'gen4_image', prompt, reference_images: [{ uri: A, tag: 'cat' }] }, [A]],
  [{ model: 'gen4_image_turbo', prompt }, [A]],
  [{ model: 'gemini_2.5_flash', prompt }, [A]],
  [{ model: 'gpt_image_2', prompt, n: 4 }, []],
])('an image request %j with images %j is one that Runway takes', async (request, images) => {
  const { operation, body } = translateRunwayImage(request, { images })
  const outcome = await world.provider.submit({ operation, body, clientRef: randomUUID() }, world.call())
  expect(outcome).toMatchObject({ kind: 'accepted' })
})
