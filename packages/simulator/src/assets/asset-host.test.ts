import { createHash } from 'node:crypto'
import { describe, expect } from 'vitest'
import { download, test, urlsOf } from '../simulation.fixture.ts'

const HOUR_MS = 60 * 60 * 1000

describe('the asset host', () => {
  test('serves every task its own bytes, with the digest that was foretold', async ({ start }) => {
    const simulation = await start()
    const digests = new Set<string>()
    for (let count = 0; count < 3; count += 1) {
      const { id, url } = await simulation.succeeded()
      const { bytes, headers } = await download(url)
      const expected = simulation.sim.runway.expectedOutput(id)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.sha256)
      expect(headers.get('content-length')).toBe(String(expected.bytes.length))
      digests.add(expected.sha256)
    }
    expect(digests.size).toBe(3)
  })

  test('serves the media the body asked for: as many, in the format, a sequence with its sound', async ({ start }) => {
    const simulation = await start()
    const types = async (endpoint: string, body: object) => {
      const { json } = await simulation.call('POST', `/v1/${endpoint}`, { body })
      simulation.sim.clock.advance(30_000)
      const urls = urlsOf(await simulation.poll(String(json.id)))
      const answers = await Promise.all(urls.map((url) => download(url, { method: 'HEAD' })))
      return answers.map(({ headers }) => headers.get('content-type'))
    }
    const image = { model: 'seedream5_pro', promptText: 'a lake', ratio: 'auto_1k', outputCount: 2 }
    expect(await types('text_to_image', image)).toEqual(['image/png', 'image/png'])
    expect(await types('text_to_image', { ...image, outputCount: 1, outputFormat: 'jpeg' })).toEqual(['image/jpeg'])
    const clip = { model: 'gen4.5', promptText: 'a lake', ratio: '1280:720', duration: 5 }
    expect(await types('text_to_video', clip)).toEqual(['video/mp4'])
    const sequence = { ...clip, outputFormat: 'png_sequence' }
    expect(await types('text_to_video', sequence)).toEqual(['application/zip', 'audio/wav'])
  })

  test('lets a URL run out on the clock of the simulator, and a fresh one work', async ({ start }) => {
    const simulation = await start({ runway: { tokenTtlMs: HOUR_MS, expiredStatus: 401 } })
    const { id, url } = await simulation.succeeded()
    simulation.sim.clock.advance(HOUR_MS - 1)
    expect((await download(url)).status).toBe(200)
    simulation.sim.clock.advance(1)
    expect((await download(url)).status).toBe(401)
    const [fresh = ''] = urlsOf(await simulation.poll(id))
    expect((await download(fresh)).status).toBe(200)
  })

  test('lets nobody in without a token, with a changed one or with that of another task', async ({ start }) => {
    const simulation = await start()
    const { url } = await simulation.succeeded()
    const { url: otherUrl } = await simulation.succeeded()
    const [path, query = ''] = url.split('?')
    const foreign = `${path}?${otherUrl.split('?')[1]}`
    for (const bad of [path ?? '', `${path}?${query.slice(0, -4)}`, foreign])
      expect((await download(bad)).status).toBe(403)
  })

  test('answers HEAD, ranges from either end, and ranges that lie outside', async ({ start }) => {
    const simulation = await start()
    const { id, url } = await simulation.succeeded()
    const { bytes } = simulation.sim.runway.expectedOutput(id)
    const ranged = (range: string, more = {}) => download(url, { headers: { range, ...more } })
    const head = await download(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([200, `${bytes.length}`, 0])
    expect((await ranged('bytes=-10')).bytes.equals(bytes.subarray(-10))).toBe(true)
    expect((await ranged('bytes=100-')).bytes.equals(bytes.subarray(100))).toBe(true)
    expect((await ranged(`bytes=${bytes.length}-`)).status).toBe(416)
    const etag = head.headers.get('etag') ?? ''
    expect((await ranged('bytes=0-9', { 'if-range': etag })).status).toBe(206)
    expect((await ranged('bytes=0-9', { 'if-range': '"another"' })).status).toBe(200)
  })

  test('serves sample inputs of each kind', async ({ start }) => {
    const { sim } = await start()
    for (const [extension, type] of [
      ['mp4', 'video/mp4'],
      ['png', 'image/png'],
      ['jpg', 'image/jpeg'],
      ['wav', 'audio/wav'],
    ]) {
      const { status, headers, bytes } = await download(`${sim.assets.url}/samples/input.${extension}`)
      expect([status, headers.get('content-type')]).toEqual([200, type])
      expect(bytes.length).toBeGreaterThan(5000)
    }
  })

  test('takes an upload only whole, with its fields and its file last', async ({ start }) => {
    const simulation = await start()
    const place = async () => {
      const { json } = await simulation.call('POST', '/v1/uploads', { body: { filename: 'a.png', type: 'ephemeral' } })
      return {
        url: String(json.uploadUrl),
        fields: Object.entries(Object(json.fields)).map(([name, value]) => [name, String(value)] as const),
      }
    }
    const send = async (bytes: number, order: 'file last' | 'file first' | 'no fields') => {
      const { url, fields } = await place()
      const form = new FormData()
      const file = new File([Buffer.alloc(bytes)], 'a.png')
      if (order === 'file first') form.set('file', file)
      if (order !== 'no fields') for (const [name, value] of fields) form.set(name, value)
      if (order !== 'file first') form.set('file', file)
      const answer = await download(url, { method: 'POST', body: form })
      return [answer.status, /<Code>(\w+)/.exec(answer.bytes.toString())?.[1]]
    }
    expect(await send(511, 'file last')).toEqual([400, 'EntityTooSmall'])
    expect(await send(1024, 'file first')).toEqual([400, 'InvalidArgument'])
    expect(await send(1024, 'no fields')).toEqual([400, 'AccessDenied'])
    expect(await send(512, 'file last')).toEqual([204, undefined])
    expect(simulation.sim.runway.uploads().map(({ stored }) => stored?.sizeBytes)).toEqual([
      undefined,
      undefined,
      undefined,
      512,
    ])
  })
})
