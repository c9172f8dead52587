import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { JobResource } from '@genqueue/contract'
import { expect } from 'vitest'

type Sender = { team: string; key: string }
type Sent = { id: string; prompt: string; team: string }

const VENDORS = [
  (prompt: string) => ({
    provider: 'runway',
    operation: 'text_to_video',
    input: { model: 'gen4.5', promptText: prompt, ratio: '1280:720', duration: 5 },
  }),
  (prompt: string) => ({
    provider: 'runware',
    operation: 'imageInference',
    input: { model: 'runware:101@1', positivePrompt: prompt, width: 512, height: 512 },
  }),
]

export type Ask = (key: string, method: string, path: string, body?: unknown) => Promise<Response>

/**
 * Asks whatever `url()` names. As a client should, it asks again after 503 or where a connection was closed under it; an
 * idempotency key makes that safe.
 */
export function asking(url: () => string): Ask {
  return async (key, method, path, body) => {
    const headers = {
      ...(key !== '' && { authorization: `Bearer ${key}` }),
      'idempotency-key': randomUUID(),
      'content-type': 'application/json',
    }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(`${url()}${path}`, init).catch((error: unknown) => {
        if (tries === 20) throw error
        return undefined
      })
      if (answer && (answer.status !== 503 || tries === 20)) return answer
      await delay(10)
    }
  }
}

/** New jobs all the time, from every sender at both vendors. Whatever is not accepted is kept in `refusals`. */
export class SteadyTraffic {
  readonly senders: readonly Sender[]
  readonly sent: Sent[] = []
  readonly refusals: string[] = []
  readonly #ask: Ask
  readonly #webhookUrl: string
  #isOver = false
  #loops: Promise<void>[] = []

  constructor(senders: readonly Sender[], { ask, webhookUrl }: { ask: Ask; webhookUrl: string }) {
    this.senders = senders
    this.#ask = ask
    this.#webhookUrl = webhookUrl
  }

  start(pauseMs: number): void {
    this.#loops = this.senders.map((sender) => this.#run(sender, pauseMs))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  /** Resolves when so many more jobs were accepted. */
  async pass(count: number): Promise<void> {
    const before = this.sent.length
    await expect.poll(() => this.sent.length, { interval: 10, timeout: 10_000 }).toBeGreaterThanOrEqual(before + count)
  }

  /** One job; `undefined` where it was refused. */
  async send({ team, key }: Sender, prompt: string, vendor = 0): Promise<Sent | undefined> {
    const job = VENDORS[vendor]?.(prompt)
    const answer = await this.#ask(key, 'POST', '/v1/jobs', { ...job, webhook_url: this.#webhookUrl })
    if (answer.status !== 202) {
      this.refusals.push(`${answer.status} ${await answer.text()}`)
      return undefined
    }
    const sent = { id: JobResource.parse(await answer.json()).id, prompt, team }
    this.sent.push(sent)
    return sent
  }

  async #run(sender: Sender, pauseMs: number): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      await this.send(sender, `${sender.team} ${n}`, n % VENDORS.length)
      await delay(pauseMs)
    }
  }
}
