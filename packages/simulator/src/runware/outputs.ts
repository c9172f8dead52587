import { createHash } from 'node:crypto'
import type { ExpectedOutput } from '../assets/asset-host.ts'
import { Delivery } from '../assets/delivery.ts'
import { takeDownloadStep } from '../assets/download-step.ts'
import { EXTENSIONS, labelledMedia, sampleMedia } from '../assets/media.ts'
import type { Exchange } from '../exchange.ts'
import { sendReply } from '../reply.ts'
import type { Generation, Task } from './task.ts'
import type { World } from './world.ts'

export interface RunwareOutputsOptions {
  readonly world: World
  /** The origin that serves the outputs. */
  readonly assetsUrl: () => string
  readonly redirectUrl: (name: string, path: string) => string
  readonly minOutputBytes: number
}

const FOLDERS = { image: 'image/ws/2/ii', video: 'video/ws/2/vi', audio: 'audio/ws/2/ai', '3d': '3d/ws/2/mi', text: '' }
const PATH = /^\/(?:image|video|audio|3d)\/ws\/2\/\w\w\/([0-9a-f-]{36})[.-]/
const EXPIRED_STATUS = 403

/** Writes the URLs of outputs and serves what lies behind them. */
export class RunwareOutputs {
  readonly #options: RunwareOutputsOptions
  readonly #delivery = new Delivery()

  constructor(options: RunwareOutputsOptions) {
    this.#options = options
  }

  urlOf(task: Task, { uuid, media }: Generation): string {
    const { host, fileName } = task.script.url ?? {}
    const origin = host === undefined ? this.#options.assetsUrl() : `http://${host}`
    const name = fileName === undefined ? uuid : `${uuid}-${fileName}`
    return `${origin}/${FOLDERS[task.type.media]}/${name}.${media === undefined ? 'txt' : EXTENSIONS[media]}`
  }

  uploadUrl(uuid: string): string {
    return `${this.#options.assetsUrl()}/${FOLDERS.image}/${uuid}.png`
  }

  /** The id an input got that came without one. */
  inputUuid(taskUuid: string): string {
    return this.#options.world.seeded.uuid(`input of ${taskUuid}`)
  }

  /** Exactly the bytes a faultless download of this output gives. */
  expected(task: Task, index: number): ExpectedOutput {
    const generation = task.generations[index]
    if (!generation?.media) throw new RangeError(`Task ${task.uuid} has no file at ${index}`)
    const { media, spec } = generation
    const bytes = labelledMedia(media, `${task.uuid}/${index}`, spec.bytes ?? this.#options.minOutputBytes)
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), contentType: media }
  }

  /** True when the request was for one of these outputs, and has been answered. */
  serve(exchange: Exchange): boolean {
    const { request } = exchange
    const path = request.url ?? '/'
    const uuid = PATH.exec(path)?.[1]
    if (uuid === undefined) return false
    const { world } = this.#options
    if (request.headers.authorization !== undefined) world.watch.authorizationLeaked()
    const found = world.assetNamed(uuid)
    if (request.method !== 'GET' && request.method !== 'HEAD') fail(exchange, 405)
    else if (found) this.#output(exchange, found.task, found.generation, path)
    else this.#upload(exchange, uuid)
    return true
  }

  #upload(exchange: Exchange, uuid: string): void {
    const upload = this.#options.world.uploads.find(uuid)
    if (!upload) {
      fail(exchange, 404)
      return
    }
    const bytes = upload.bytes ?? sampleMedia('image/png')
    this.#delivery.send(exchange, { bytes, contentType: upload.contentType, etag: `"${uuid}"` }, {}, () => {})
  }

  #output(exchange: Exchange, task: Task, generation: Generation, path: string): void {
    const { index, uuid, media } = generation
    if (!media || exchange.clock.now() < generation.finishAtMs) {
      fail(exchange, 404)
      return
    }
    const { ttl } = task.request
    const isPast = typeof ttl === 'number' && exchange.clock.now() >= generation.finishAtMs + ttl * 1000
    if (isPast || task.expired.has(index)) {
      fail(exchange, task.expired.get(index) ?? EXPIRED_STATUS)
      return
    }
    const isHead = exchange.request.method === 'HEAD'
    const step = isHead ? undefined : takeDownloadStep(task.downloadsUsed, task.script, index)
    if (step?.mode === 'expire') {
      task.expired.set(index, step.http)
      fail(exchange, step.http ?? EXPIRED_STATUS)
    } else if (step && step.mode === undefined) {
      const { redirect } = step
      const location = redirect === undefined ? {} : { location: this.#options.redirectUrl(redirect, path) }
      sendReply(exchange, { ...step, headers: { ...step.headers, ...location } }, { status: 200, body: '' })
    } else {
      const { bytes } = this.expected(task, index)
      const file = { bytes, contentType: media, etag: `"${uuid}"` }
      this.#delivery.send(exchange, file, step ?? {}, () => task.downloaded.add(index))
    }
  }
}

function fail(exchange: Exchange, status: number): void {
  const body = `<Error><Code>${status}</Code></Error>`
  sendReply(exchange, { http: status, contentType: 'application/xml', body }, { status, body })
}
