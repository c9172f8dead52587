import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { JobResource } from '@genqueue/contract'

type Vendor = 'runway' | 'runware'

const VENDORS: Readonly<Record<Vendor, (prompt: string) => object>> = {
  runway: (prompt) => ({
    provider: 'runway',
    operation: 'text_to_video',
    input: { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 },
  }),
  runware: (prompt) => ({
    provider: 'runware',
    operation: 'imageInference',
    input: { model: 'runware:101@1', positivePrompt: prompt, width: 512, height: 512 },
  }),
}
const PATIENCE_MS = 60_000

/** Sends jobs and looks at them as a client should: asks again where the answer was lost or was 503, under one key. */
export class DockerTraffic {
  /** What its jobs are called back at, in the simulated receiver. */
  readonly path: string
  readonly #apiUrl: string
  readonly #apiKey: string
  readonly #ids: string[] = []
  #isOver = false
  #loop: Promise<void> = Promise.resolve()

  constructor({ apiUrl, apiKey, path }: { apiUrl: string; apiKey: string; path: string }) {
    this.path = path
    this.#apiUrl = apiUrl
    this.#apiKey = apiKey
  }

  /** Of all jobs that were acknowledged. */
  get ids(): readonly string[] {
    return this.#ids
  }

  async post(vendor: Vendor, more: object = {}): Promise<string> {
    const webhook_url = `http://simulator:4013${this.path}`
    const body = JSON.stringify({ ...VENDORS[vendor](`${this.path} ${this.#ids.length}`), webhook_url, ...more })
    const headers = { 'idempotency-key': randomUUID(), 'content-type': 'application/json' }
    const response = await this.ask('/v1/jobs', { method: 'POST', headers, body })
    const answer = await response.text()
    if (response.status !== 202) throw new Error(`expected 202, got ${response.status}: ${answer}`)
    const { id } = JobResource.parse(JSON.parse(answer))
    this.#ids.push(id)
    return id
  }

  async get(id: string): Promise<JobResource> {
    return JobResource.parse(await (await this.ask(`/v1/jobs/${id}`)).json())
  }

  /** A job every `everyMs`, at each vendor in turn, until `stop`. */
  start(everyMs: number): void {
    this.#loop = this.#run(everyMs)
    this.#loop.catch(() => {}) // `stop` and `pass` tell of it
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#loop
  }

  /** Resolves when so many more were acknowledged. */
  async pass(count: number): Promise<void> {
    const wanted = this.#ids.length + count
    while (this.#ids.length < wanted) await Promise.race([delay(100), this.#loop])
  }

  async ask(path: string, { headers, ...init }: { headers?: object; method?: string; body?: string } = {}) {
    const deadlineMs = Date.now() + PATIENCE_MS
    for (;;) {
      const all = { authorization: `Bearer ${this.#apiKey}`, ...headers }
      const asked = fetch(`${this.#apiUrl}${path}`, { ...init, headers: all })
      const response = await asked.catch((error: Error) => error)
      if (response instanceof Response && response.status !== 503) return response
      if (Date.now() > deadlineMs) throw new Error(`${path} was not answered: ${response}`)
      if (response instanceof Response) await response.arrayBuffer()
      await delay(200)
    }
  }

  async #run(everyMs: number): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      await this.post(n % 2 === 0 ? 'runway' : 'runware')
      await delay(everyMs)
    }
  }
}
