import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ProblemError } from '@genqueue/contract'
import { openStorage, type Storage } from '@genqueue/storage'
import { createAdaptorServer } from '@hono/node-server'
import { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from './intake-limits.ts'
import { type Intake, readBody } from './read-body.ts'

export const JOB_ID = 'job_01JD0000000000000000000000'
export const keyOf = (index: number, extension: string) => `inputs/${JOB_ID}/${index}.${extension}`
export const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(200, 7)])
export const MP4 = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1'), Buffer.alloc(100, 3)])

export function pngOf(bytes: number): Buffer {
  return Buffer.concat([PNG, Buffer.alloc(bytes - PNG.byteLength, 'media')])
}

export function dataUri(bytes: Uint8Array, type = 'image/png'): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}

/** For tests: a storage in a folder of its own that is removed with it. */
export class IntakeFixture implements AsyncDisposable {
  readonly storage: Storage
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
    this.storage = openStorage(pathToFileURL(folder).href)
  }

  static async open(): Promise<IntakeFixture> {
    return new IntakeFixture(await mkdtemp(join(tmpdir(), 'intake-')))
  }

  read(body: Body, contentType: string | undefined, limits: Partial<IntakeLimits> = {}): Promise<Intake> {
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
    if (typeof body === 'string') headers['content-length'] = String(Buffer.byteLength(body))
    return this.receive(new Request('http://localhost/', { method: 'POST', body, headers, duplex: 'half' }), limits)
  }

  receive(request: Request, limits: Partial<IntakeLimits> = {}, signal?: AbortSignal): Promise<Intake> {
    const all = { ...DEFAULT_INTAKE_LIMITS, ...limits }
    return readBody(request, { storage: this.storage, keyOf, limits: all, ...(signal && { signal }) })
  }

  async keys(): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of this.storage.list('')) keys.push(key)
    return keys.sort()
  }

  async bytesOf(key: string): Promise<Buffer> {
    const pieces: Buffer[] = []
    const object = await this.storage.get(key)
    for await (const piece of object?.body ?? []) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage.close()
    await rm(this.#folder, { recursive: true })
  }
}

type Body = NonNullable<ConstructorParameters<typeof Response>[0]>

export type Outcome = {
  status: number
  code: string | undefined
  param: string | undefined
  intake: Intake | undefined
}

/** For tests: a real server whose only answer is what intake made of the request; the same is in `outcomes`. */
export async function serveIntake(fixture: IntakeFixture, limits: Partial<IntakeLimits> = {}) {
  const outcomes: Outcome[] = []
  let requestCount = 0
  const answer = async (request: Request): Promise<Outcome> => {
    requestCount++
    try {
      const intake = await fixture.receive(request, limits)
      return { status: 200, code: undefined, param: undefined, intake }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return { status: error.status, code: error.code, param: error.param, intake: undefined }
    }
  }
  const server = createAdaptorServer({
    fetch: async (request: Request) => {
      const outcome = await answer(request)
      outcomes.push(outcome)
      const { value, inputs } = outcome.intake ?? {}
      const body = { id: 'video_1', code: outcome.code, param: outcome.param, value, inputs }
      return Response.json(body, { status: outcome.status, headers: { 'x-should-retry': 'false' } })
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on TCP answers with an AddressInfo.
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/v1`,
    outcomes,
    requestCount: () => requestCount,
    async [Symbol.asyncDispose]() {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The bytes in pieces of these sizes, in turn. */
export function inPieces(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  let at = 0
  let turn = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.byteLength) return controller.close()
      const size = sizes[turn++ % sizes.length] ?? 1
      controller.enqueue(Uint8Array.from(bytes.subarray(at, at + size)))
      at += size
    },
  })
}
