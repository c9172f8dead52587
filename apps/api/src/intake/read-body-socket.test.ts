import { once } from 'node:events'
import { connect } from 'node:net'
import OpenAI, { toFile } from 'openai'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataUri, IntakeFixture, inPieces, PNG, pngOf, serveIntake } from './intake-fixture.ts'
import type { IntakeLimits } from './intake-limits.ts'
import type { Intake } from './read-body.ts'

const POLL = { timeout: 10_000 }

let fixture: IntakeFixture
beforeEach(async () => {
  fixture = await IntakeFixture.open()
})
afterEach(() => fixture[Symbol.asyncDispose]())

describe('the openai SDK', () => {
  /** What intake made of the SDK's request, whose types know fewer parameters than it sends. */
  async function create(params: Record<string, unknown>): Promise<Intake | undefined> {
    await using server = await serveIntake(fixture)
    const client = new OpenAI({ apiKey: 'k', baseURL: server.url, maxRetries: 0 })
    await Reflect.apply(client.videos.create, client.videos, [params])
    return server.outcomes[0]?.intake
  }

  test('sends a file, and it lies in storage', async () => {
    const image = await toFile(pngOf(70_000), 'cat.png', { type: 'image/png' })
    const intake = await create({ model: 'runway/gen4_turbo', prompt: 'a cat', seconds: '5', input_reference: image })
    expect(intake?.value).toEqual({
      model: 'runway/gen4_turbo',
      prompt: 'a cat',
      seconds: '5',
      input_reference: { $input: 0 },
    })
    expect(intake?.inputs).toMatchObject([{ bytes: 70_000, contentType: 'image/png', filename: 'cat.png' }])
    expect(await fixture.bytesOf(intake?.inputs[0]?.key ?? '')).toEqual(pngOf(70_000))
  })

  test('sends a buffer without a type, and its bytes tell', async () => {
    const intake = await create({ prompt: 'x', input_reference: await toFile(PNG, 'cat') })
    expect(intake?.inputs).toMatchObject([{ contentType: 'image/png', filename: 'cat' }])
  })

  test('sends a stream', async () => {
    const intake = await create({ prompt: 'x', input_reference: await toFile(inPieces(pngOf(5000), [700]), 'a.png') })
    expect(intake?.inputs).toMatchObject([{ bytes: 5000 }])
  })

  test('sends URLs, metadata, nested values and lists, and they come out as they went in, as text', async () => {
    const intake = await create({
      prompt: 'a "quoted"\ncat 🐈',
      input_reference: { image_url: 'https://example.com/a.png' },
      metadata: { customer: '42', 'a b': 'c' },
      references: [
        { uri: 'https://a', tag: 'one' },
        { uri: 'https://b', tag: 'two' },
      ],
      content_moderation: { publicFigureThreshold: 'low' },
      seed: 5,
      audio: true,
      tags: ['x', 'y'],
    })
    expect(intake?.value).toEqual({
      // fetch writes line breaks in text as CRLF.
      prompt: 'a "quoted"\r\ncat 🐈',
      input_reference: { image_url: 'https://example.com/a.png' },
      metadata: { customer: '42', 'a b': 'c' },
      references: [
        { uri: 'https://a', tag: 'one' },
        { uri: 'https://b', tag: 'two' },
      ],
      content_moderation: { publicFigureThreshold: 'low' },
      seed: '5',
      audio: 'true',
      tags: ['x', 'y'],
    })
  })

  test('sends a plain URL and a long data URI as text', async () => {
    expect((await create({ prompt: 'x', input_reference: 'https://a.b/c.png' }))?.value).toMatchObject({
      input_reference: 'https://a.b/c.png',
    })
    const intake = await create({ prompt: 'x', input_reference: { image_url: dataUri(pngOf(300_000)) } })
    expect(intake).toMatchObject({
      value: { input_reference: { image_url: { $input: 0 } } },
      inputs: [{ bytes: 300_000 }],
    })
  })
})

test('JSON as curl sends it is read, whether its length is known or not', async () => {
  await using server = await serveIntake(fixture)
  const headers = { 'content-type': 'application/json' }
  for (const body of ['{"prompt":"a cat"}', inPieces(Buffer.from('{"prompt":"a cat"}'), [3])]) {
    const answer = await fetch(server.url, { method: 'POST', headers, body, duplex: 'half' })
    expect(await answer.json()).toMatchObject({ value: { prompt: 'a cat' }, inputs: [] })
  }
})

/** A request written by hand, which stops after `body` and waits. */
async function openRequest(port: number, headers: string, body: Uint8Array) {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n\r\n`)
  socket.write(body)
  return { socket, received: () => received }
}

const FILE_HEAD = '--b\r\nContent-Disposition: form-data; name="v"; filename="a.png"\r\n\r\n'
const FORM = 'content-type: multipart/form-data; boundary=b'
const JSON_TYPE = 'content-type: application/json'
const UNFINISHED = [
  ['a form', `${FORM}\r\ncontent-length: 100000`, Buffer.concat([Buffer.from(FILE_HEAD), pngOf(50_000)])],
  ['small JSON', `${JSON_TYPE}\r\ncontent-length: 1000`, Buffer.from('{"a":')],
  ['large JSON', `${JSON_TYPE}\r\ncontent-length: 900000`, Buffer.from(`{"a":"${dataUri(pngOf(50_000))}`)],
] as const

test.each(UNFINISHED)(
  'a sender of %s that falls silent is answered 408, and nothing stays',
  async (_, headers, body) => {
    await using server = await serveIntake(fixture, { idleTimeoutMs: 150 })
    const { socket, received } = await openRequest(server.port, headers, body)
    await expect.poll(received, POLL).toMatch(/^HTTP\/1\.1 408 .*request_timeout/s)
    expect(await fixture.keys()).toEqual([])
    socket.destroy()
  },
)

test.each(UNFINISHED)('a sender of %s that hangs up ends the request, and nothing stays', async (_, headers, body) => {
  await using server = await serveIntake(fixture)
  const { socket } = await openRequest(server.port, headers, body)
  await expect.poll(server.requestCount, POLL).toBe(1)
  socket.destroy()
  await expect.poll(() => server.outcomes, POLL).toMatchObject([{ code: 'invalid_request' }])
  expect(await fixture.keys()).toEqual([])
})

test('a sender that only trickles is answered 408 when the whole time is over', async () => {
  await using server = await serveIntake(fixture, { totalTimeoutMs: 300 })
  const { socket, received } = await openRequest(
    server.port,
    `${JSON_TYPE}\r\ntransfer-encoding: chunked`,
    Buffer.alloc(0),
  )
  const trickle = setInterval(() => socket.write('1\r\n \r\n'), 20)
  await expect.poll(received, POLL).toMatch(/^HTTP\/1\.1 408 /)
  clearInterval(trickle)
  socket.destroy()
})

describe('a request that is refused early', () => {
  async function post(
    headers: Record<string, string>,
    body: ReadableStream<Uint8Array>,
    limits: Partial<IntakeLimits>,
  ) {
    await using server = await serveIntake(fixture, limits)
    const answer = await fetch(server.url, { method: 'POST', headers, body, duplex: 'half' })
    const { code, param } = (await answer.json()) as { code: string; param?: string } // what the fixture answers
    expect(await fixture.keys()).toEqual([])
    return { status: answer.status, code, param }
  }

  test.each([
    ['a file too large', { maxFileBytes: 100_000 }, { status: 413, code: 'file_too_large', param: 'v' }],
    ['a form too large', { maxBodyBytes: 100_000 }, { status: 413, code: 'body_too_large' }],
  ])('is answered although %s is still being sent', async (_, limits, expected) => {
    const body = inPieces(Buffer.concat([Buffer.from(FILE_HEAD), pngOf(8_000_000)]), [65_536])
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    expect(await post(headers, body, limits)).toMatchObject(expected)
  })

  test('is answered although its JSON is still being sent', async () => {
    const body = inPieces(Buffer.from(`{"a":"${'x'.repeat(8_000_000)}"}`), [65_536])
    expect(await post({ 'content-type': 'application/json' }, body, {})).toMatchObject({ code: 'body_too_large' })
  })

  test('is answered also to a sender that listens only after it has sent everything', async () => {
    await using server = await serveIntake(fixture, { maxFileBytes: 100_000 })
    const body = Buffer.concat([Buffer.from(FILE_HEAD), pngOf(8_000_000)])
    const { socket, received } = await openRequest(server.port, `${FORM}\r\ncontent-length: ${body.byteLength}`, body)
    socket.pause()
    if (socket.writableLength > 0) await once(socket, 'drain')
    socket.resume()
    await expect.poll(received, POLL).toMatch(/^HTTP\/1\.1 413 .*file_too_large/s)
    socket.destroy()
  })
})
