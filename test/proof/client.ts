import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { JobResource, UsageReport } from '@genqueue/contract'
import { z } from 'zod'
import { ADMIN_KEY } from '../house-env.ts'
import type { Ledger } from './ledger.ts'
import type { Vendor } from './points.ts'

/** What a client knows of one request: it was answered with a status, or the connection failed. */
export type ClientLine = {
  atMs: number
  durationMs: number
  /** The API that was asked. */
  api: string
  method: 'GET' | 'POST'
  path: string
  /** Names the job in the vendor's ledger. */
  marker: string
  key?: string
  status?: number
  jobId?: string
  /** The job as it was told, once it had ended. */
  ended?: JobResource
  /** An answer may take as long as the job. */
  waits: boolean
}

const PATIENCE_MS = 60_000
/** As long as everything else moves, a job may take its time to be acknowledged. */
const ACKNOWLEDGED_WITHIN_MS = 180_000
/** Doubled each time, up to the longest. */
const ASK_AGAIN_MS = 40
const ASK_AGAIN_MOST_MS = 3_000

/** Sends jobs as a client should: asks again where the answer was lost or was 503, with the same idempotency key. */
export class Client {
  readonly #ledger: Ledger<ClientLine>
  readonly #url: () => string
  readonly #webhookUrl: (marker: string) => string
  readonly #heard: (answer: string) => void
  #isLeaving = new AbortController()

  /** `url` is asked for before every request: an API that was killed may be replaced. `heard` is told every answer. */
  constructor(
    ledger: Ledger<ClientLine>,
    url: () => string,
    webhookUrl: (marker: string) => string,
    heard: (answer: string) => void = () => {},
  ) {
    this.#ledger = ledger
    this.#url = url
    this.#webhookUrl = webhookUrl
    this.#heard = heard
  }

  /** Resolves with the id of the job when it has been acknowledged, however often that took. */
  async post(vendor: Vendor, marker: string): Promise<string> {
    const key = randomUUID()
    const { path, body } = vendor === 'runway' ? video(marker) : image(marker)
    const init = { method: 'POST', body: JSON.stringify({ ...body, webhook_url: this.#webhookUrl(marker) }) } as const
    const deadlineMs = Date.now() + ACKNOWLEDGED_WITHIN_MS
    for (let asked = 0; Date.now() < deadlineMs; asked += 1) {
      const line = await this.#ask(path, { ...init, marker, key, waits: vendor === 'runware' })
      if (line.jobId !== undefined) return line.jobId
      if (line.status !== undefined && line.status < 500 && line.status !== 429)
        throw new Error(`${marker}: ${line.status}`)
      await sleep(Math.min(ASK_AGAIN_MOST_MS, ASK_AGAIN_MS * 2 ** asked))
    }
    throw new Error(`${marker} was not acknowledged within ${ACKNOWLEDGED_WITHIN_MS} ms`)
  }

  /** One look; what it told if the job has ended. */
  async look(id: string, marker: string): Promise<JobResource | undefined> {
    const { ended } = await this.#ask(`/v1/jobs/${id}`, { method: 'GET', marker, waits: false })
    return ended
  }

  /** Every job there is, as the API lists them. */
  async list(): Promise<{ id: string; status: string }[]> {
    const found: { id: string; status: string }[] = []
    for (let after = ''; ; ) {
      const page = Page.parse(await this.#read(`/v1/jobs?limit=100${after}`))
      found.push(...page.data)
      const last = page.data.at(-1)
      if (!page.has_more || !last) return found
      after = `&after=${last.id}`
    }
  }

  /** What became of a job's webhook, by what the API tells. */
  async deliveries(id: string): Promise<Delivery[]> {
    return Deliveries.parse(await this.#read(`/v1/jobs/${id}/deliveries`)).data
  }

  /** What vendors have charged for, and what is held, by what the API tells. */
  async usage(): Promise<UsageReport> {
    return UsageReport.parse(await this.#read('/api/usage?group_by=provider'))
  }

  /** Gives up what is under way. */
  close(): void {
    this.#isLeaving.abort()
  }

  /** What stands there, asked for until it is told. */
  async #read(path: string): Promise<unknown> {
    for (const deadlineMs = Date.now() + PATIENCE_MS; ; ) {
      const answer = await this.#fetch(this.#url() + path, { method: 'GET' }).catch(() => undefined)
      const text = answer && (await this.#textOf(answer).catch(() => undefined))
      if (answer?.ok && text !== undefined) return JSON.parse(text)
      if (Date.now() > deadlineMs) throw new Error(`${path} was not told: ${answer?.status ?? 'no answer'}`)
      await sleep(ASK_AGAIN_MS)
    }
  }

  async #ask(
    path: string,
    {
      marker,
      key,
      waits,
      ...init
    }: { method: 'GET' | 'POST'; body?: string; marker: string; key?: string; waits: boolean },
  ): Promise<ClientLine> {
    const atMs = Date.now()
    const api = this.#url()
    const line: ClientLine = { atMs, durationMs: 0, api, method: init.method, path, marker, waits, ...(key && { key }) }
    try {
      const answer = await this.#fetch(api + path, { ...init, ...(key && { headers: { 'idempotency-key': key } }) })
      line.status = answer.status
      const text = await this.#textOf(answer)
      Object.assign(line, told(answer, text))
    } catch {
      // Nothing was told.
    }
    this.#isLeaving.signal.throwIfAborted()
    line.durationMs = Date.now() - atMs
    this.#ledger.add(line)
    return line
  }

  async #textOf(answer: Response): Promise<string> {
    const text = await answer.text()
    this.#heard(`${[...answer.headers].join(' ')} ${text}`)
    return text
  }

  #fetch(url: string, init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    return fetch(url, {
      ...init,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...init.headers },
      signal: AbortSignal.any([this.#isLeaving.signal, AbortSignal.timeout(PATIENCE_MS)]),
    })
  }
}

const Page = z.object({ data: z.array(z.object({ id: z.string(), status: z.string() })), has_more: z.boolean() })
const Delivery = z.object({ status: z.string(), attempts: z.int(), next_attempt_at: z.iso.datetime().nullable() })
export type Delivery = z.infer<typeof Delivery>
const Deliveries = z.object({ data: z.array(Delivery) })

/** The image door names its job in a header, however the job ended; `/v1/jobs` answers with the job itself. */
function told(answer: Response, text: string): Pick<ClientLine, 'jobId' | 'ended'> {
  const jobId = answer.headers.get('x-job-id')
  if (jobId !== null) return { jobId }
  if (!answer.ok) return {}
  const job = JobResource.parse(JSON.parse(text))
  return { jobId: job.id, ...(job.completed_at !== null && { ended: job }) }
}

function video(marker: string) {
  const input = { model: 'gen4.5', promptText: marker, ratio: '1280:720', duration: 5 }
  return { path: '/v1/jobs', body: { provider: 'runway', operation: 'text_to_video', input } }
}

function image(marker: string) {
  const body = { model: 'runware/runware:101@1', prompt: marker, size: '512x512' }
  return { path: '/v1/images/generations', body }
}
