import { createHash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { sendReply } from '../reply.ts'
import type { Task } from '../runway/task.ts'
import type { World } from '../runway/world.ts'
import { Delivery } from './delivery.ts'
import { takeDownloadStep } from './download-step.ts'
import { EXTENSIONS, labelledMedia, MediaType, sampleMedia } from './media.ts'
import { receiveUpload } from './receive-upload.ts'
import { readToken, signToken } from './token.ts'

export interface AssetHostOptions {
  readonly world: World
  readonly url: () => string
  readonly secret: string
  readonly tokenTtlMs: number
  /** What an expired or missing token is answered with. */
  readonly expiredStatus: number
  /** Outputs of another provider; true when the request was for one of them and has been answered. */
  readonly otherOutputs: (exchange: Exchange) => boolean
  readonly redirectUrl: (name: string, path: string) => string
}

export interface ExpectedOutput {
  readonly bytes: Buffer
  readonly sha256: string
  readonly contentType: MediaType
}

const ASSET_PATH = /^\/([0-9a-f-]{36})\/(\d+)-/
const SAMPLE_PATH = /^\/samples\/input\.(mp4|png|jpg|webp|wav|mp3|zip)$/
const UPLOAD_PATH = /^\/uploads\/([0-9a-f-]{36})$/

/** The origin that serves outputs and sample inputs and takes uploads; it must never see an API key. */
export class AssetHost {
  readonly #options: AssetHostOptions
  readonly #delivery = new Delivery()

  constructor(options: AssetHostOptions) {
    this.#options = options
  }

  async handle(exchange: Exchange): Promise<void> {
    const { request, response, clock } = exchange
    response.sendDate = false
    response.setHeader('date', new Date(clock.now()).toUTCString())
    if (this.#options.otherOutputs(exchange)) return
    const url = new URL(request.url ?? '/', 'http://simulator')
    const { world } = this.#options
    const uploadId = UPLOAD_PATH.exec(url.pathname)?.[1]
    if (request.headers.authorization !== undefined) {
      world.watch.authorizationLeaked(uploadId === undefined ? 'the asset host' : 'the upload storage')
    }
    if (uploadId !== undefined) {
      const upload = world.uploads.find(uploadId)
      if (upload && request.method === 'POST') return receiveUpload(exchange, upload)
      return this.#fail(exchange, upload ? 405 : 404)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#fail(exchange, 405)
    const sample = SAMPLE_PATH.exec(url.pathname)?.[1]
    if (sample !== undefined) return this.#sample(exchange, sample)
    const [, assetId = '', index = ''] = ASSET_PATH.exec(url.pathname) ?? []
    const task = world.taskOfAsset(assetId)
    if (!task || task.deletedAtMs !== undefined || Number(index) >= task.outputs.length)
      return this.#fail(exchange, 404)
    this.#output(exchange, task, Number(index), url)
  }

  /** Fresh URLs of all outputs; those issued before stay good until they run out. */
  issueUrls(task: Task): string[] {
    const { world, secret, tokenTtlMs } = this.#options
    task.urlsIssued += 1
    const exp = (world.clock.now() + tokenTtlMs) / 1000
    const payload = { bucket: 'runway-task-artifacts', stage: 'prod', exp, jti: task.urlsIssued, sub: task.assetId }
    const token = signToken(secret, payload)
    const origin = task.script.url?.host === undefined ? this.#options.url() : `http://${task.script.url.host}`
    const name = task.script.url?.fileName ?? 'output'
    return task.outputs.map(
      ({ type }, index) => `${origin}/${task.assetId}/${index}-${name}.${EXTENSIONS[type]}?_jwt=${token}`,
    )
  }

  /** Exactly the bytes a faultless download of this output gives. */
  expectedOutput(task: Task, index: number): ExpectedOutput {
    const output = task.outputs[index]
    if (!output) throw new RangeError(`Task ${task.id} has ${task.outputs.length} outputs, none at ${index}`)
    const bytes = labelledMedia(output.type, `${task.id}/${index}`, output.minBytes)
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), contentType: output.type }
  }

  #sample(exchange: Exchange, extension: string): void {
    const type = MediaType.options.find((candidate) => EXTENSIONS[candidate] === extension) ?? 'video/mp4'
    const file = { bytes: sampleMedia(type), contentType: type, etag: `"sample-${extension}"` }
    this.#delivery.send(exchange, file, {}, () => {})
  }

  #output(exchange: Exchange, task: Task, index: number, url: URL): void {
    const { secret, expiredStatus, world, redirectUrl } = this.#options
    const token = readToken(secret, url.searchParams.get('_jwt') ?? '')
    const isGood = token?.sub === task.assetId && token.exp * 1000 > world.clock.now() && token.jti > task.urlsExpired
    if (!isGood) {
      this.#fail(exchange, task.expiredAnswer ?? expiredStatus)
      return
    }
    const step =
      exchange.request.method === 'HEAD' ? undefined : takeDownloadStep(task.downloadsUsed, task.script, index)
    if (step?.mode === 'expire') {
      task.urlsExpired = task.urlsIssued
      task.expiredAnswer = step.http
      this.#fail(exchange, step.http ?? expiredStatus)
    } else if (step && step.mode === undefined) {
      const path = exchange.request.url ?? '/'
      const location = step.redirect === undefined ? {} : { location: redirectUrl(step.redirect, path) }
      sendReply(exchange, { ...step, headers: { ...step.headers, ...location } }, { status: 200, body: '' })
    } else {
      const { type, minBytes } = task.outputs[index] ?? { type: 'video/mp4', minBytes: 0 }
      const bytes = labelledMedia(type, `${task.id}/${index}`, minBytes)
      const file = { bytes, contentType: type, etag: `"${task.assetId}-${index}"` }
      this.#delivery.send(exchange, file, step ?? {}, () => task.downloaded.add(index))
    }
  }

  #fail(exchange: Exchange, status: number): void {
    const body = `<Error><Code>${status}</Code></Error>`
    sendReply(exchange, { http: status, contentType: 'application/xml', body }, { status, body })
  }
}
