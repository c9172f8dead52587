import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Secret } from '@genqueue/contract'
import { createGuardedAgent } from '@genqueue/egress'
import { Agent } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import type { StoredInput } from '../provider.ts'
import { createRunwayProvider } from './provider.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown }
type Seen = { url: string; headers: IncomingMessage['headers']; body: Buffer }

/** The vendor's API and the storage it names, in one server; what each got is kept. */
async function vendor(answers: {
  place?: Answer | ((storageUrl: string) => Answer)
  storage?: Answer | 'drop'
  guarded?: Agent
}) {
  const seen: Seen[] = []
  const listener: RequestListener = async (request, response) => {
    const url = request.url ?? ''
    if (url.startsWith('/storage') && answers.storage === 'drop') return request.socket.destroy()
    seen.push({ url, headers: request.headers, body: await buffer(request) })
    const { place = placed, storage } = answers
    const answer = url.startsWith('/storage') ? storage : typeof place === 'function' ? place(storageUrl) : place
    const { status = 204, headers = {}, body } = typeof answer === 'object' ? answer : {}
    response.writeHead(status, headers).end(body === undefined ? '' : JSON.stringify(body))
  }
  const server = createServer((request, response) => void Promise.resolve(listener(request, response)).catch(() => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const dispatcher = new Agent()
  closers.push(
    () => dispatcher.destroy(),
    () => server.close(),
  )
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const baseUrl = `http://127.0.0.1:${address.port}`
  const storageUrl = `${baseUrl}/storage?signed=1`
  const provider = createRunwayProvider({
    baseUrl,
    dispatcher,
    guardedDispatcher: answers.guarded ?? dispatcher,
    dataUriMaxBytes: 100,
    submitTimeoutMs: 10_000,
    pollTimeoutMs: 10_000,
    uploadTimeoutMs: 10_000,
  })
  const prepare = (input: StoredInput) =>
    provider.prepareInput(input, { key: new Secret('key_1'), signal: new AbortController().signal })
  return { prepare, seen }
}

const placed = (uploadUrl: string): Answer => ({
  status: 200,
  body: { uploadUrl, fields: { key: 'k/"x"', policy: 'p' }, runwayUri: 'runway://up-1' },
})

function stored(content: Uint8Array, overrides: Partial<StoredInput> = {}): StoredInput {
  return {
    bytes: content.length,
    contentType: 'image/png',
    filename: 'a.png',
    open: async () => chunked(content),
    ...overrides,
  }
}

async function* chunked(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 7) yield content.subarray(at, at + 7)
}

const BIG = Buffer.from('0123456789abcdef'.repeat(20))

describe('an input that is small enough', () => {
  it('becomes a data URI of at most the given length, without a request', async () => {
    const { prepare, seen } = await vendor({})
    const content = Buffer.from([0, 255, 1, 254, 2])
    expect(await prepare(stored(content))).toEqual({ kind: 'ready', value: 'data:image/png;base64,AP8B/gI=' })
    const prefix = 'data:image/png;base64,'.length
    const largest = Buffer.alloc(Math.floor((100 - prefix) / 4) * 3, 1)
    expect(await prepare(stored(largest))).toMatchObject({ value: expect.stringMatching(/^data:.{1,95}$/) })
    expect(seen).toEqual([])
    expect(await prepare(stored(Buffer.concat([largest, largest])))).toEqual({
      kind: 'ready',
      value: 'runway://up-1',
      reusableMs: 36_000_000,
    })
  })

  it.each([
    ['is longer than recorded', stored(Buffer.from('abcd'), { bytes: 3 })],
    ['is shorter than recorded', stored(Buffer.from('abcd'), { bytes: 5 })],
    [
      'cannot be read',
      stored(Buffer.from('a'), {
        open: async () => {
          throw new Error('storage away')
        },
      }),
    ],
  ])('is tried again later when it %s', async (_name, input) => {
    const { prepare } = await vendor({})
    expect(await prepare(input)).toMatchObject({ kind: 'retry' })
  })
})

describe('a larger input', () => {
  it('is streamed to the storage as a form: fields in order, file last, length known, no key', async () => {
    const { prepare, seen } = await vendor({})
    expect(await prepare(stored(BIG, { filename: 'a "b"\r\n.png' }))).toEqual({
      kind: 'ready',
      value: 'runway://up-1',
      reusableMs: 36_000_000,
    })
    const [place, storage] = seen
    expect(place).toMatchObject({ url: '/v1/uploads', headers: { authorization: 'Bearer key_1' } })
    expect(JSON.parse(String(place?.body))).toEqual({ filename: 'a "b"\r\n.png', type: 'ephemeral' })
    expect(storage?.url).toBe('/storage?signed=1')
    expect(storage?.headers).not.toHaveProperty('authorization')
    expect(storage?.headers).not.toHaveProperty('transfer-encoding')
    expect(storage?.headers['content-length']).toBe(String(storage?.body.length))
    const request = new Request('http://x', {
      method: 'POST',
      headers: { 'content-type': storage?.headers['content-type'] ?? '' },
      body: new Uint8Array(storage?.body ?? []),
    })
    const form = await request.formData()
    expect([...form.keys()]).toEqual(['key', 'policy', 'file'])
    expect(form.get('key')).toBe('k/"x"')
    const file = form.get('file')
    if (!(file instanceof File)) throw new Error('no file')
    expect({ type: file.type, name: file.name }).toEqual({ type: 'image/png', name: 'a "b"\r\n.png' })
    expect(Buffer.from(await file.arrayBuffer()).equals(BIG)).toBe(true)
  })

  it.each([
    ['uri', { uri: 'runway://u' }, 'runway://u'],
    ['bare id', { id: 'u-2' }, 'runway://u-2'],
    ['id that is one already', { id: 'runway://u-3' }, 'runway://u-3'],
  ])('is named by the %s where there is no runwayUri', async (_name, name, value) => {
    const { prepare } = await vendor({
      place: (uploadUrl) => ({ status: 200, body: { uploadUrl, fields: {}, ...name } }),
    })
    expect(await prepare(stored(BIG))).toMatchObject({ kind: 'ready', value })
  })

  it('fails clearly, before a byte is sent, when the answer does not name it', async () => {
    const { prepare, seen } = await vendor({ place: (uploadUrl) => ({ status: 200, body: { uploadUrl, fields: {} } }) })
    expect(await prepare(stored(BIG))).toMatchObject({
      kind: 'refused',
      error: { code: 'input_unavailable', providerMessage: expect.stringContaining('runwayUri') },
    })
    expect(seen).toHaveLength(1)
  })

  it.each([
    ['the upload is rate limited', { status: 429, headers: { 'retry-after': '7' } }, 7_000],
    ['the vendor is down', { status: 503 }, undefined],
    ['the key is refused', { status: 401 }, undefined],
    ['the account is empty', { status: 400, body: { error: 'You do not have enough credits' } }, undefined],
    ['the answer is no place', { status: 200, body: { uploadUrl: 'file:///etc' } }, undefined],
  ])('is tried again later when %s', async (_name, place, retryAfterMs) => {
    const { prepare } = await vendor({ place })
    const outcome = await prepare(stored(BIG))
    expect(outcome.kind).toBe('retry')
    expect('retryAfterMs' in outcome ? outcome.retryAfterMs : undefined).toBe(retryAfterMs)
  })

  it('is refused when the vendor refuses the file, in its words', async () => {
    const { prepare } = await vendor({ place: { status: 400, body: { error: 'Unsupported media type' } } })
    expect(await prepare(stored(BIG))).toMatchObject({
      kind: 'refused',
      error: { code: 'invalid_input', providerMessage: 'Unsupported media type' },
    })
    expect(await prepare(stored(BIG, { bytes: 201 * 1024 * 1024 }))).toMatchObject({ kind: 'refused' })
    const tooLarge = await vendor({ storage: { status: 413 } })
    expect(await tooLarge.prepare(stored(BIG))).toMatchObject({ kind: 'refused', error: { code: 'invalid_input' } })
  })

  it.each([
    ['403', { status: 403 }],
    ['503', { status: 503 }],
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }],
    ['nothing', 'drop' as const],
  ])('starts over, with a new place, after the storage answered %s', async (_name, storage) => {
    const answers: Parameters<typeof vendor>[0] = { storage }
    const { prepare, seen } = await vendor(answers)
    expect(await prepare(stored(BIG))).toMatchObject({ kind: 'retry' })
    answers.storage = { status: 204 }
    expect(await prepare(stored(BIG))).toMatchObject({ kind: 'ready' })
    expect(seen.filter(({ url }) => url === '/v1/uploads')).toHaveLength(2)
  })

  it.each([
    ['ends early', stored(BIG, { bytes: BIG.length + 1 })],
    ['does not end', stored(BIG, { bytes: BIG.length - 1 })],
    [
      'breaks off',
      stored(BIG, {
        open: async () =>
          (async function* () {
            yield BIG.subarray(0, 10)
            throw new Error('storage away')
          })(),
      }),
    ],
  ])('is tried again later when it %s', async (_name, input) => {
    const { prepare } = await vendor({})
    expect(await prepare(input)).toMatchObject({ kind: 'retry' })
  })

  it('goes nowhere when the vendor names a storage inside our own network', async () => {
    const policy = { allowHttp: true, ports: 'any', allow: [], deny: [] } as const
    const guarded = createGuardedAgent(policy, {
      dnsTimeoutMs: 500,
      connectTimeoutMs: 500,
      connections: 1,
      keepAliveMs: 1,
    })
    closers.push(() => guarded.destroy())
    const { prepare, seen } = await vendor({ guarded })
    expect(await prepare(stored(BIG))).toMatchObject({ kind: 'retry', detail: expect.stringContaining('blocked') })
    expect(seen.map(({ url }) => url)).toEqual(['/v1/uploads'])
  })

  it('is closed again when the storage is not reachable', async () => {
    const { prepare } = await vendor({
      place: { status: 200, body: { uploadUrl: 'http://127.0.0.1:1/', fields: {}, runwayUri: 'runway://u' } },
    })
    expect(await prepare(stored(BIG))).toMatchObject({ kind: 'retry', detail: expect.stringContaining('ECONNREFUSED') })
  })
})
