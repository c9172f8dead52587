import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { JobResource } from '@genqueue/contract'
import { outputsOf } from '@genqueue/jobs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_KEY, type OpenApi, openApi } from '../api-fixture.ts'
import { imagesInline } from './image-answer.ts'

const MB = 1_048_576
const FILE_BYTES = 20 * MB
const FILES = 2

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function heldBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const BODY = JSON.stringify({ model: 'runware/runware:101@1', prompt: 'large', n: FILES, response_format: 'b64_json' })
const HEADERS = {
  authorization: `Bearer ${ADMIN_KEY}`,
  'content-type': 'application/json',
  'idempotency-key': 'large',
}

const again = (headers: Record<string, string> = {}) =>
  house.fetch('/v1/images/generations', { method: 'POST', body: BODY, headers: { ...HEADERS, ...headers } })

/** Asks for the finished job again; nothing of the answer is read yet. */
async function ask(): Promise<IncomingMessage> {
  const call = request(`${house.url}/v1/images/generations`, { method: 'POST', headers: HEADERS })
  call.end(BODY)
  const [response] = await once(call, 'response')
  return response
}

test('forty megabytes of images as b64_json are never held, however slowly they are read', async () => {
  const { id } = JobResource.parse(await (await again({ prefer: 'respond-async' })).json())
  const file = { contentType: 'image/png', extension: 'png' }
  await house.succeed(
    id,
    Array.from({ length: FILES }, () => ({ ...file, content: Buffer.alloc(FILE_BYTES, 'large') })),
  )
  const before = heldBytes()
  const response = await ask()
  await sleep(300)
  let peak = heldBytes() - before
  let bytes = 0
  let askAt = 0
  for await (const piece of response) {
    bytes += piece.length
    if (bytes < askAt) continue
    askAt += 8 * MB
    peak = Math.max(peak, heldBytes() - before)
  }
  expect(bytes).toBeGreaterThan((FILES * FILE_BYTES * 4) / 3)
  expect(peak).toBeLessThan(8 * MB)
})

test.each([0, 1, 5])('a reader who leaves after %i pieces ends the reading from the bucket', async (pieces) => {
  const { id } = JobResource.parse(await (await again({ prefer: 'respond-async' })).json())
  const job = await house.get(id)
  async function* endless() {
    for (;;) yield Buffer.alloc(65_536)
  }
  const source = Readable.from(endless())
  const info = { bytes: FILE_BYTES, contentType: 'image/png', lastModified: new Date(), metadata: {} }
  const storage = { get: async () => ({ body: source, info }) }
  const reply = await imagesInline(job, { storage, publicUrl: house.url }, new AbortController().signal)
  if (!(reply.body instanceof ReadableStream)) throw new Error('expected a stream')
  const reader = reply.body.getReader()
  for (let piece = 0; piece < pieces; piece += 1) await reader.read()
  await reader.cancel()
  expect(source.destroyed).toBe(true)
})

test('a file that is gone is told; one that goes missing amid the answer breaks it off, never ends it well', async () => {
  const { id } = JobResource.parse(await (await again({ prefer: 'respond-async' })).json())
  const [first, second] = outputsOf(await house.get(id))
  await house.storage.delete(second?.key ?? '')
  await expect((await again()).text()).rejects.toThrow()
  await house.storage.delete(first?.key ?? '')
  const gone = await again()
  expect([gone.status, await gone.json()]).toMatchObject([410, { error: { code: 'output_gone' } }])
})
