import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { VendorBody } from '../provider.ts'
import { type SimulatedRunware, simulateRunware } from './simulate-runware.fixture.ts'
import { translateImage } from './translate-image.ts'
import { translateVideo } from './translate-video.ts'

// The vendor refuses what it does not know, so this shows that every name and value is one of its own.
let world: SimulatedRunware
beforeAll(async () => {
  world = await simulateRunware()
})
afterAll(() => world.close())

const A = 'https://a.example/a.png'
const B = 'https://b.example/b.png'
const prompt = 'a cat'

const submit = ({ operation, body }: { operation: string; body: VendorBody }) =>
  world.provider.submit({ operation, body, clientRef: randomUUID() }, world.call())

it.each<[string, Parameters<typeof translateImage>[0], Parameters<typeof translateImage>[1]]>([
  ['a bare prompt', { model: 'runware:100@1', prompt }, {}],
  ['a bare prompt, newer model', { model: 'google:4@1', prompt }, {}],
  [
    'every parameter',
    {
      model: 'runware:101@1',
      prompt,
      negative_prompt: 'dogs',
      size: '512x768',
      num_inference_steps: 20,
      seed: '9223372036854775807',
      n: 4,
      response_format: 'b64_json',
      output_format: 'jpeg',
      output_compression: 100,
      user: 'me',
      quality: 'auto',
      CFGScale: 3,
    },
    {},
  ],
  ['an image and a mask', { model: 'runware:100@1', prompt }, { images: [A], mask: B }],
  ['several images', { model: 'civitai:4384@128713', prompt }, { images: [A, B] }],
  ['several images, newer model', { model: 'bytedance:5@0', prompt }, { images: [A, B] }],
  ['an image and a mask, newer model', { model: 'ideogram:4@2', prompt }, { images: [A], mask: B }],
  ['outpainting', { model: 'runware:101@1', prompt, size: '1024x1152', outpaint: { top: 128 } }, { images: [A] }],
])('an image request with %s is one the vendor takes', async (_name, request, inputs) => {
  expect(await submit(translateImage(request, inputs))).toMatchObject({ kind: 'accepted' })
})

it.each<[string, Parameters<typeof translateVideo>[0]]>([
  ['a bare prompt', { model: 'klingai:5@3', prompt, seconds: '5' }],
  ['an image', { model: 'klingai:5@3', prompt, input_reference: A, seconds: '10', negative_prompt: 'dogs', seed: 7 }],
  ['two frames', { model: 'vidu:4@2', prompt, input_reference: A, reference_images: [{ uri: B, position: 'last' }] }],
  ['frames in the older form', { model: 'klingai:5@3', prompt, frameImages: [{ inputImage: A, frame: 'first' }] }],
  ['a video', { model: 'runway:2@1', prompt, video_uri: 'https://a.example/a.mp4' }],
  ['sound', { model: 'google:3@0', prompt, size: '1280x720', audio: false }],
])('a video request with %s is one the vendor takes', async (_name, request) => {
  expect(await submit(translateVideo(request))).toMatchObject({ kind: 'accepted' })
})
