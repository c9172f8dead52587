import { randomUUID } from 'node:crypto'
import { type RawData, WebSocket } from 'ws'
import { type Answered, answered, test as base } from '../simulation.fixture.ts'
import type { Simulator, SimulatorOptions } from '../simulator.ts'

export type Item = Readonly<Record<string, unknown>>

interface PostOptions {
  readonly key?: string | undefined
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/** A running simulator with a plain Runware client that has no opinions. */
export class Vendor {
  readonly sim: Simulator

  constructor(sim: Simulator) {
    this.sim = sim
  }

  get runware(): Simulator['runware'] {
    return this.sim.runware
  }

  get key(): string {
    return this.runware.keys[0] ?? ''
  }

  /** Text goes out as it is, anything else as JSON. */
  async post(body: unknown, { key = this.key, headers, signal }: PostOptions = {}): Promise<Answered> {
    return answered(
      await fetch(this.runware.url, {
        method: 'POST',
        redirect: 'manual',
        headers: { ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    )
  }

  /** Posts one asynchronous video and gives its UUID with the answer. */
  async video(changes: object = {}, options: PostOptions = {}): Promise<Answered & { readonly uuid: string }> {
    const task = video(changes)
    return { ...(await this.post([task], options)), uuid: task.taskUUID }
  }

  poll(uuid: string, options: PostOptions = {}): Promise<Answered> {
    return this.post([{ taskType: 'getResponse', taskUUID: uuid }], options)
  }

  details(uuid: string): Promise<Answered> {
    return this.post([{ taskType: 'getTaskDetails', taskUUID: uuid }])
  }

  /** Posts a video, lets its time pass and gives what the first poll says. */
  async finished(changes: object = {}): Promise<Answered & { readonly uuid: string; readonly url: string }> {
    const { uuid } = await this.video(changes)
    this.sim.clock.advance(12_000)
    const polled = await this.poll(uuid)
    return { ...polled, uuid, url: String(dataOf(polled)[0]?.videoURL) }
  }

  /** Opens a socket and authenticates; `session` asks for what an earlier one missed. */
  async connect(session?: string): Promise<Line> {
    const socket = new WebSocket(this.runware.wsUrl)
    const line = new Line(socket)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    const resumed = session === undefined ? {} : { connectionSessionUUID: session }
    line.send({ taskType: 'authentication', apiKey: this.key, ...resumed })
    return line
  }
}

/** The client's end of a WebSocket, with everything that came through it. */
export class Line {
  readonly frames: Item[] = []
  readonly socket: WebSocket
  isClosed = false

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: RawData) => this.frames.push(Object(JSON.parse(data.toString()))))
    socket.on('error', () => {})
    socket.once('close', () => {
      this.isClosed = true
    })
  }

  send(...tasks: object[]): void {
    this.socket.send(JSON.stringify(tasks))
  }

  /** All items of all frames, in the order they came. */
  items(): Item[] {
    return this.frames.flatMap((frame) => dataOf({ json: frame }))
  }
}

export function image(changes: object = {}) {
  return {
    taskType: 'imageInference',
    taskUUID: randomUUID() as string,
    model: 'runware:101@1',
    positivePrompt: 'a quiet lake',
    width: 512,
    height: 512,
    ...changes,
  }
}

export function video(changes: object = {}) {
  return {
    taskType: 'videoInference',
    taskUUID: randomUUID() as string,
    model: 'klingai:5@3',
    positivePrompt: 'a quiet lake',
    width: 1280,
    height: 720,
    duration: 5,
    deliveryMethod: 'async',
    includeCost: true,
    ...changes,
  }
}

export function dataOf({ json }: { readonly json: Item }): Item[] {
  return Array.isArray(json.data) ? json.data.map(Object) : []
}

export function errorsOf({ json }: { readonly json: Item }): Item[] {
  return Array.isArray(json.errors) ? json.errors.map(Object) : []
}

export type StartVendor = (options?: SimulatorOptions) => Promise<Vendor>

/** `vendor` gives simulators on a virtual clock unless told otherwise; each is closed when its test ends. */
export const test = base.extend<{ vendor: StartVendor }>({
  vendor: async ({ start }, use) => {
    await use(async (options) => new Vendor((await start(options)).sim))
  },
})
