import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Simulator } from '@genqueue/simulator'
import { Client, type ClientLine } from './client.ts'
import { ReceiverLedger, type ReceiverLine } from './evidence.ts'
import { Ledger } from './ledger.ts'
import { VENDORS } from './points.ts'
import type { SeededRandom } from './seeded-random.ts'

const PATH = '/hook/soak'
/** The receiver of so many jobs of a thousand is gone for good. */
const GONE_OF_1000 = 30
const READ_EVERY_MS = 2_000
const LOOKS_AT_ONCE = 20
const LOOK_EVERY_MS = 1_000

type Accepted = { id: string; marker: string }

/** The clients of a soak and its receivers: what they asked, and what they were told. */
export class SoakTraffic {
  readonly client: Client
  readonly receiver: ReceiverLedger
  readonly #simulator: Simulator
  readonly #ledgers: [Ledger<ClientLine>, Ledger<ReceiverLine>]
  readonly #accepted: Accepted[] = []
  readonly #ended = new Set<string>()
  readonly #reading: NodeJS.Timeout

  constructor(simulator: Simulator, url: () => string, folder: string) {
    this.#simulator = simulator
    this.#ledgers = [new Ledger(join(folder, 'client.jsonl')), new Ledger(join(folder, 'receiver.jsonl'))]
    const isGone = (marker: string) => Number(marker.split(' ')[1]) % 1_000 < GONE_OF_1000
    const webhookUrl = (marker: string) => `${simulator.receiver.url}${PATH}${isGone(marker) ? '/gone' : ''}`
    this.client = new Client(this.#ledgers[0], url, webhookUrl)
    this.receiver = new ReceiverLedger(simulator, PATH, this.#ledgers[1])
    simulator.receiver.behave({ kind: 'answer', status: 410, path: `${PATH}/gone` })
    this.#reading = setInterval(() => void this.receiver.read(), READ_EVERY_MS)
  }

  get requests(): readonly ClientLine[] {
    return this.#ledgers[0].lines()
  }

  /** Grows with whatever happens. */
  get progress(): number {
    return this.#accepted.length + this.#ended.size + this.#simulator.receiver.deliveries().length
  }

  /** Jobs at both vendors, spread over the time; resolves when all are acknowledged. */
  async post(count: number, { random, untilMs }: { random: SeededRandom; untilMs: number }): Promise<void> {
    const meanMs = (untilMs - Date.now()) / (count + 1)
    const posts: Promise<void>[] = []
    for (let n = 0; n < count; n += 1) {
      await sleep(random.untilNext(meanMs))
      const marker = `soak ${n}`
      const vendor = VENDORS[n % VENDORS.length] ?? 'runway'
      posts.push(this.client.post(vendor, marker).then((id) => void this.#accepted.push({ id, marker })))
    }
    await Promise.all(posts)
  }

  /** Resolves when every job was seen to have ended, and was looked at once more after all webhooks. */
  async finished(): Promise<void> {
    for (;;) {
      const open = this.#accepted.filter(({ id }) => !this.#ended.has(id))
      await this.#lookAt(open)
      if (this.#ended.size === this.#accepted.length) break
      await sleep(LOOK_EVERY_MS)
    }
    while ((await this.#openDeliveries()).length > 0) await sleep(LOOK_EVERY_MS)
    await this.#lookAt(this.#accepted)
  }

  /** States of the deliveries that no receiver has taken, by job. */
  async untaken(): Promise<Map<string, string[]>> {
    const states = new Map<string, string[]>()
    for (const { id } of await this.#untold()) states.set(id, await this.client.deliveries(id))
    return states
  }

  async close(): Promise<void> {
    clearInterval(this.#reading)
    this.client.close()
    for (const ledger of this.#ledgers) ledger.close()
  }

  async #untold(): Promise<Accepted[]> {
    const taken = new Set((await this.receiver.read()).flatMap((line) => (line.taken ? [line.jobId] : [])))
    return this.#accepted.filter(({ id }) => !taken.has(id))
  }

  async #openDeliveries(): Promise<string[]> {
    const states = await this.untaken()
    return [...states].flatMap(([id, all]) => (all.includes('pending') ? [id] : []))
  }

  async #lookAt(jobs: readonly Accepted[]): Promise<void> {
    for (let at = 0; at < jobs.length; at += LOOKS_AT_ONCE) {
      const looked = jobs.slice(at, at + LOOKS_AT_ONCE).map(async ({ id, marker }) => {
        if (await this.client.look(id, marker)) this.#ended.add(id)
      })
      await Promise.all(looked)
    }
  }
}
