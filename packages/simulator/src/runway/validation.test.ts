import { describe, expect } from 'vitest'
import { type Simulation, test } from '../simulation.fixture.ts'

const post = async (simulation: Simulation, endpoint: string, body: unknown): Promise<Record<string, unknown>> => {
  const { status, json } = await simulation.call('POST', `/v1/${endpoint}`, { body })
  return { status, ...json }
}
const clip = { model: 'gen4.5', promptText: 'a lake', ratio: '1280:720', duration: 5 }
const uri = 'https://media.example.com/a'

describe('the real dialect', () => {
  for (const [what, endpoint, body, issue] of [
    ['an unknown field', 'text_to_video', { ...clip, fps: 24 }, { code: 'unrecognized_keys', keys: ['fps'] }],
    ['a ratio the model has not', 'text_to_video', { ...clip, ratio: '960:960' }, { path: ['ratio'] }],
    ['a duration outside the range', 'text_to_video', { ...clip, duration: 11 }, { path: ['duration'], maximum: 10 }],
    ['a duration that is no whole number', 'text_to_video', { ...clip, duration: 2.5 }, { path: ['duration'] }],
    ['a missing prompt', 'text_to_video', { ...clip, promptText: undefined }, { path: ['promptText'] }],
    ['a prompt that is too long', 'text_to_video', { ...clip, promptText: 'x'.repeat(1001) }, { code: 'too_big' }],
    ['an unknown model', 'text_to_video', { ...clip, model: 'gen9' }, { discriminator: 'model' }],
    ['no model at all', 'text_to_video', { promptText: 'x' }, { code: 'invalid_type', path: ['model'] }],
    ['a model of another endpoint', 'text_to_image', clip, { discriminator: 'model' }],
    [
      'a duration Veo does not know',
      'text_to_video',
      { ...clip, model: 'veo3.1', duration: 5 },
      { path: ['duration'] },
    ],
    [
      'a last frame without a first',
      'image_to_video',
      { model: 'veo3.1', ratio: '1280:720', promptImage: [{ uri, position: 'last' }] },
      { path: ['promptImage'] },
    ],
    [
      'videoUri where promptVideo is meant',
      'video_to_video',
      { model: 'seedance2', videoUri: uri },
      { path: ['promptVideo'] },
    ],
    [
      'an image as the reference of act_two',
      'character_performance',
      { model: 'act_two', character: { type: 'image', uri }, reference: { type: 'image', uri } },
      { path: ['reference', 'type'] },
    ],
    [
      'the same tag twice',
      'text_to_image',
      {
        model: 'gen4_image',
        promptText: 'x',
        ratio: '1024:1024',
        referenceImages: [
          { uri, tag: 'cat' },
          { uri, tag: 'cat' },
        ],
      },
      { message: 'Reference image tags must be unique' },
    ],
    [
      'plain http',
      'voice_isolation',
      { model: 'eleven_voice_isolation', audioUri: 'http://example.com/a.wav' },
      { path: ['audioUri'] },
    ],
    [
      'an IP address',
      'voice_isolation',
      { model: 'eleven_voice_isolation', audioUri: 'https://10.0.0.1/a.wav' },
      { path: ['audioUri'] },
    ],
    [
      'an unknown upload',
      'voice_isolation',
      { model: 'eleven_voice_isolation', audioUri: 'runway://nothing' },
      { code: 'custom', path: ['audioUri'] },
    ],
    [
      'a broken data URI',
      'voice_isolation',
      { model: 'eleven_voice_isolation', audioUri: 'data:audio/wav;base64,?' },
      { message: 'Invalid data URI.' },
    ],
  ] as const) {
    test(`refuses ${what} with the issue at its place`, async ({ start }) => {
      const simulation = await start()
      expect(await post(simulation, endpoint, body)).toMatchObject({
        status: 400,
        error: 'Validation of body failed',
        docUrl: 'https://docs.dev.runwayml.com/api',
        issues: expect.arrayContaining([expect.objectContaining(issue)]),
      })
      expect(simulation.sim.runway.tasks()).toEqual([])
    })
  }

  test('takes HTTPS URLs, data URIs and its own samples as media', async ({ start }) => {
    const simulation = await start()
    const sample = `${simulation.sim.assets.url}/samples/input.wav`
    for (const audioUri of [uri, sample, 'data:audio/wav;base64,UklGRg==']) {
      const given = await post(simulation, 'voice_isolation', { model: 'eleven_voice_isolation', audioUri })
      expect(given).toMatchObject({ status: 200 })
      const head = await fetch(sample, { method: 'HEAD' })
      expect([head.status, head.headers.get('content-type')]).toEqual([200, 'audio/wav'])
      expect(Number(head.headers.get('content-length'))).toBeGreaterThan(512)
    }
  })

  test('knows no lip_sync and no frame_interpolation, and tells wrong methods from wrong paths', async ({ start }) => {
    const simulation = await start()
    expect(await post(simulation, 'lip_sync', {})).toMatchObject({ status: 404 })
    expect(await post(simulation, 'frame_interpolation', {})).toMatchObject({ status: 404 })
    expect((await simulation.call('GET', '/v1/text_to_video')).status).toBe(405)
  })

  test('lets unknown models pass when it is lenient, and everything when it does not validate', async ({ start }) => {
    const lenient = await start({ runway: { lenientModels: true } })
    expect(await post(lenient, 'text_to_video', { model: 'gen9', anything: 1 })).toMatchObject({ status: 200 })
    expect(await post(lenient, 'text_to_video', { ...clip, fps: 24 })).toMatchObject({ status: 400 })
    const careless = await start({ runway: { validate: false } })
    expect(await post(careless, 'text_to_video', { ...clip, fps: 24 })).toMatchObject({ status: 200 })
  })

  test('refuses a request without the one version it knows, and notes that', async ({ start }) => {
    const simulation = await start()
    for (const version of ['', '2023-01-01']) {
      const { status } = await simulation.create({}, { headers: { 'x-runway-version': version } })
      expect(status).toBe(400)
    }
    expect(simulation.sim.violations().map(({ kind }) => kind)).toEqual(['version_header', 'version_header'])
  })
})

describe('the dialect of the seed document', () => {
  test('has its own endpoints, statuses, fields and errors', async ({ start }) => {
    const simulation = await start({ runway: { dialect: 'seed004' } })
    const created = await post(simulation, 'lip_sync', { model: 'gen4', input: uri, audio: uri })
    expect(created).toEqual({ status: 200, id: expect.any(String) })
    simulation.sim.clock.advance(10_000)
    const task = async () => (await simulation.poll(String(created.id))).json
    expect(await task()).toEqual({ id: expect.any(String), status: 'PROCESSING', createdAt: expect.any(String) })
    simulation.sim.clock.advance(20_000)
    expect(Object.keys(await task())).toEqual(['id', 'status', 'createdAt', 'output'])
    for (const [endpoint, body] of [
      ['frame_interpolation', { model: 'frame_interpolation_v1', videoUri: uri }],
      ['video_upscale', { model: 'upscale_v1', videoUri: uri }],
      ['sound_effect', { model: 'sound_effect_v1', promptText: 'rain', duration: 3 }],
    ] as const) {
      expect(await post(simulation, endpoint, body)).toMatchObject({ status: 200 })
    }
    const notFound = { status: 404, error: 'Not Found', code: 'NOT_FOUND' }
    expect(await post(simulation, 'text_to_image', {})).toEqual(notFound)
    expect((await simulation.call('GET', '/v1/organization')).json).toEqual({ error: 'Not Found', code: 'NOT_FOUND' })
    expect(await post(simulation, 'text_to_video', {})).toEqual({
      status: 400,
      error: 'Validation of body failed',
      code: 'VALIDATION_ERROR',
    })
    const upload = await post(simulation, 'uploads', { filename: 'a.png' })
    expect(upload).toEqual({
      status: 200,
      id: expect.any(String),
      uploadUrl: expect.any(String),
      fields: expect.any(Object),
    })
  })

  test('shows a task that waits for a slot as PENDING and a failure without its code', async ({ start }) => {
    const simulation = await start({ runway: { dialect: 'seed004', concurrency: 1 } })
    simulation.sim.runway.fault('poll.failed', { code: 'INTERNAL', now: true })
    const [first = '', second = ''] = [await simulation.created(), await simulation.created()]
    expect((await simulation.poll(second)).json.status).toBe('PENDING')
    expect((await simulation.poll(first)).json).toEqual({
      id: first,
      status: 'FAILED',
      createdAt: expect.any(String),
      failure: 'An unexpected error occurred.',
    })
  })
})
