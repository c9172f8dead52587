import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Simulator } from '@genqueue/simulator'
import { Client, type ClientLine, type Delivery } from './client.ts'
import { ReceiverLedger, type ReceiverLine } from './evidence.ts'
import { Ledger } from './ledger.ts'
import { VENDORS } from './points.ts'
import type { SeededRandom } from './seeded-random.ts'

const PATH = '/hook/soak'
/** The receiver of one of so many jobs is gone for good. */
const GONE_OF = 33
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
  readonly #open = new Set<Accepted>()
  /** Of jobs whose webhook no receiver took: what the API tells of it. */
  readonly #untaken = new Map<string, Delivery[]>()
  readonly #reading: NodeJS.Timeout
  readonly #closed = new AbortController()
  readonly #looking: Promise<void>
  #nextAttemptAtMs = 0

  constructor(
    simulator: Simulator,
    { url, folder, heard }: { url: () => string; folder: string; heard: (answer: string) => void },
  ) {
    this.#simulator = simulator
    this.#ledgers = [new Ledger(join(folder, 'client.jsonl')), new Ledger(join(folder, 'receiver.jsonl'))]
    this.client = new Client(this.#ledgers[0], url, (marker) => simulator.receiver.url + pathOf(marker), heard)
    this.receiver = new ReceiverLedger(simulator, PATH, this.#ledgers[1])
    behaveWell(simulator.receiver)
    this.#reading = setInterval(() => void this.receiver.read(), READ_EVERY_MS)
    this.#looking = this.#lookWhileOpen()
    // It ends by being aborted.
    this.#looking.catch(() => {})
  }

  get requests(): readonly ClientLine[] {
    return this.#ledgers[0].lines()
  }

  get accepted(): readonly Accepted[] {
    return this.#accepted
  }

  /** Grows with whatever happens, and while a webhook waits for its time. */
  get progress(): number {
    const moved = 2 * this.#accepted.length - this.#open.size + this.#simulator.receiver.deliveries().length
    return moved + Math.max(0, this.#nextAttemptAtMs - Date.now())
  }

  /** Jobs at both vendors, spread over the time; resolves when all are acknowledged. */
  async post(
    count: number,
    { random, untilMs, signal }: { random: SeededRandom; untilMs: number; signal: AbortSignal },
  ): Promise<void> {
    // By the clock, so that a machine which is late for one is not late for all that follow.
    let dueAtMs = Date.now()
    const meanMs = (untilMs - dueAtMs) / (count + 1)
    const posts: Promise<void>[] = []
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => {})
    for (let n = 0; n < count; n += 1) {
      dueAtMs += random.untilNext(meanMs)
      await Promise.race([sleep(Math.max(0, dueAtMs - Date.now()), undefined, { signal }), failed.promise])
      const posted = this.#post(`soak ${n}`, VENDORS[n % VENDORS.length] ?? 'runway')
      posted.catch(failed.reject)
      posts.push(posted)
    }
    await Promise.all(posts)
  }

  /** Resolves when every job was seen to have ended, and was looked at once more after all webhooks. */
  async finished(): Promise<void> {
    while (this.#open.size > 0) await sleep(LOOK_EVERY_MS)
    while (await this.#isAnyPending()) await sleep(LOOK_EVERY_MS)
    await this.#lookAt(this.#accepted)
  }

  /** What the API tells of the webhooks that no receiver has taken, by job. */
  async untaken(): Promise<ReadonlyMap<string, readonly Delivery[]>> {
    const taken = new Set((await this.receiver.read()).flatMap((line) => (line.taken ? [line.jobId] : [])))
    for (const id of this.#untaken.keys()) if (taken.has(id)) this.#untaken.delete(id)
    for (const { id } of this.#accepted) {
      const known = this.#untaken.get(id)
      if (taken.has(id) || known?.every(({ status }) => status !== 'pending')) continue
      this.#untaken.set(id, await this.client.deliveries(id))
    }
    return this.#untaken
  }

  async close(): Promise<void> {
    clearInterval(this.#reading)
    this.#closed.abort()
    this.client.close()
    await this.#looking.catch(() => {})
    for (const ledger of this.#ledgers) ledger.close()
  }

  async #post(marker: string, vendor: (typeof VENDORS)[number]): Promise<void> {
    const job = { id: await this.client.post(vendor, marker), marker }
    this.#accepted.push(job)
    this.#open.add(job)
  }

  /** As clients do that poll, faults or not. */
  async #lookWhileOpen(): Promise<void> {
    for (;;) {
      await this.#lookAt([...this.#open])
      await sleep(LOOK_EVERY_MS, undefined, { signal: this.#closed.signal })
    }
  }

  async #isAnyPending(): Promise<boolean> {
    const pending = [...(await this.untaken()).values()].flat().filter(({ status }) => status === 'pending')
    this.#nextAttemptAtMs = Math.max(0, ...pending.map((each) => Date.parse(each.next_attempt_at ?? '') || 0))
    return pending.length > 0
  }

  async #lookAt(jobs: readonly Accepted[]): Promise<void> {
    for (let at = 0; at < jobs.length; at += LOOKS_AT_ONCE) {
      const looked = jobs.slice(at, at + LOOKS_AT_ONCE).map(async (job) => {
        if (await this.client.look(job.id, job.marker)) this.#open.delete(job)
      })
      await Promise.all(looked)
    }
  }
}

/** Every receiver takes what comes, but those that are gone. */
export function behaveWell(receiver: Simulator['receiver']): void {
  receiver.behave({ kind: 'answer', status: 204 })
  receiver.behave({ kind: 'answer', status: 410, path: `${PATH}/gone` })
}

/** Whether the receiver of a job tells everybody that it is gone. */
export function isGone(marker: string): boolean {
  return numberOf(marker) % GONE_OF === 0
}

/** Each that is gone has an address of its own: one that has answered 410 is not called again. */
function pathOf(marker: string): string {
  return isGone(marker) ? `${PATH}/gone?of=${numberOf(marker)}` : PATH
}

function numberOf(marker: string): number {
  return Number(marker.split(' ')[1])
}
