import RunwayML from '@runwayml/sdk'
import { test as base } from 'vitest'
import { type Simulator, type SimulatorOptions, startSimulator } from './simulator.ts'

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly json: Record<string, unknown>
}

interface CallOptions {
  readonly body?: unknown
  readonly key?: string | undefined
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/** A running simulator with a plain client that has no opinions. */
export class Simulation {
  readonly sim: Simulator

  constructor(sim: Simulator) {
    this.sim = sim
  }

  get key(): string {
    return this.sim.runway.keys[0] ?? ''
  }

  sdk(): RunwayML {
    return new RunwayML({ apiKey: this.key, baseURL: this.sim.runway.url, maxRetries: 0 })
  }

  async call(
    method: string,
    path: string,
    { body, key = this.key, headers, signal }: CallOptions = {},
  ): Promise<Answered> {
    return answered(
      await fetch(`${this.sim.runway.url}${path}`, {
        method,
        redirect: 'manual',
        headers: { authorization: `Bearer ${key}`, 'x-runway-version': '2024-11-06', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      }),
    )
  }

  create(changes: object = {}, options: CallOptions = {}): Promise<Answered> {
    return this.call('POST', '/v1/text_to_video', { ...options, body: { ...CLIP, ...changes } })
  }

  /** Creates a task and gives its id. */
  async created(changes: object = {}): Promise<string> {
    const { json, status } = await this.create(changes)
    if (typeof json.id !== 'string') throw new Error(`The create was answered ${status} ${JSON.stringify(json)}`)
    return json.id
  }

  poll(taskId: string, options: CallOptions = {}): Promise<Answered> {
    return this.call('GET', `/v1/tasks/${taskId}`, options)
  }

  /** Creates a task, lets its time pass and gives its id and its first output URL. */
  async succeeded(changes: object = {}): Promise<{ id: string; url: string; urls: string[] }> {
    const id = await this.created(changes)
    this.sim.clock.advance(30_000)
    const urls = urlsOf(await this.poll(id))
    return { id, url: urls[0] ?? '', urls }
  }
}

const CLIP = { model: 'gen4.5', promptText: 'a quiet lake', ratio: '1280:720', duration: 5 }

export async function answered(response: Response): Promise<Answered> {
  const bytes = Buffer.from(await response.arrayBuffer())
  const { status, headers } = response
  return { status, headers, bytes, json: jsonOf(bytes) }
}

export async function download(url: string, init: RequestInit = {}): Promise<Answered> {
  return answered(await fetch(url, { redirect: 'manual', ...init }))
}

export function urlsOf({ json }: Answered): string[] {
  return Array.isArray(json.output) ? json.output.map(String) : []
}

function jsonOf(bytes: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(bytes.toString()))
  } catch {
    return {}
  }
}

export type Start = (options?: SimulatorOptions) => Promise<Simulation>

/** `start` gives simulators on a virtual clock unless told otherwise; each is closed when its test ends. */
export const test = base.extend<{ start: Start }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest finds the fixtures a fixture needs in this pattern.
  start: async ({}, use) => {
    const started: Simulator[] = []
    await use(async (options = {}) => {
      const sim = await startSimulator({ clock: 'virtual', ...options })
      started.push(sim)
      return new Simulation(sim)
    })
    for (const sim of started) await sim.close()
  },
})
