import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, type Verdict } from './checker.ts'
import { Client, type ClientLine } from './client.ts'
import { bucketLedger, ReceiverLedger, upstreamLedger } from './evidence.ts'
import { Ledger } from './ledger.ts'
import type { Vendor } from './points.ts'
import type { ProcessOfSeats } from './process-of-seats.ts'
import type { Seat } from './seat.ts'
import { dumpState, leakedKeys, settled, watchProgress } from './stuck.ts'
import type { World } from './world.ts'

const QUIET_MS = 40_000
const LOOK_EVERY_MS = 500
const MOST_ARE_TOLD_MS = 3_000
const TOLD_WITHIN_MS = 8_000
/** Where nobody listens. */
const NOBODY = 'http://127.0.0.1:9'

type Accepted = { id: string; marker: string }

/** One run in the world, under its own prefix: its client, its ledgers and its verdict. */
export class Stage {
  readonly name: string
  readonly env: Record<string, string>
  readonly #world: World
  readonly #vendor: Vendor
  readonly #hitsFile: string
  readonly #client: Client
  readonly #requests = new Ledger<ClientLine>()
  readonly #receiver: ReceiverLedger
  readonly #accepted: Promise<Accepted>[] = []
  readonly #seats: { process: ProcessOfSeats; name: string; role: Seat['role'] }[] = []
  readonly #watch: ReturnType<typeof watchProgress>
  #url = NOBODY

  constructor({ name, vendor }: { name: string; vendor: Vendor }, world: World) {
    this.name = name
    this.env = world.env(name)
    this.#world = world
    this.#vendor = vendor
    this.#hitsFile = join(world.folder, `${name}.hits`)
    const path = `/hook/${name}`
    const { receiver } = world.simulator
    this.#client = new Client(
      this.#requests,
      () => this.#url,
      () => `${receiver.url}${path}`,
    )
    this.#receiver = new ReceiverLedger(world.simulator, path)
    this.#watch = watchProgress({
      progress: () => this.hits().length + this.#requests.lines().length + receiver.deliveries(path).length,
      quietMs: QUIET_MS,
      dump: async () => `${name}\n${await dumpState(world.redis.url, this.env.KEY_PREFIX ?? '')}`,
    })
  }

  /** `point action` in the order they came. */
  hits(): string[] {
    return existsSync(this.#hitsFile) ? readFileSync(this.#hitsFile, 'utf8').split('\n').filter(Boolean) : []
  }

  /** Starts a worker or API of this run in that process; requests go to the API. */
  async take(
    process: ProcessOfSeats,
    { role, faults = '', env = {} }: Partial<Seat> & Pick<Seat, 'role'>,
  ): Promise<void> {
    const name = `${this.name} ${role}`
    const url = await process.start({ name, role, faults, env: { ...this.env, ...env }, hitsFile: this.#hitsFile })
    if (role === 'api') this.#url = url
    this.#seats.push({ process, name, role })
  }

  post(count: number): void {
    for (let n = 0; n < count; n += 1) {
      const marker = `${this.name} ${this.#accepted.length}`
      this.#accepted.push(this.#client.post(this.#vendor, marker).then((id) => ({ id, marker })))
    }
  }

  /** Resolves when every job has ended and was told, and was seen to be the same once more; rejects when nothing moves. */
  async finished(): Promise<void> {
    await Promise.race([this.#watch.stuck, this.#finish()])
  }

  /** Judges what is there when everybody has put down what he had in hand. */
  async judge(): Promise<Verdict> {
    await this.#retire('worker')
    const { redis, simulator } = this.#world
    const listed = (await this.#client.list()).map(({ id }) => id)
    const leaks = await settled(() => leakedKeys(redis.url, this.env.KEY_PREFIX ?? ''))
    const evidence = {
      client: this.#requests.lines(),
      upstream: upstreamLedger(simulator, `${this.name} `),
      receiver: await this.#receiver.read(),
      bucket: bucketLedger(simulator, `${this.name}/`),
    }
    return check(evidence, { untaken: new Map(), listed, leaks, refusals: false, answerWithinMs: 10_000 })
  }

  async close(): Promise<void> {
    this.#watch.stop()
    this.#client.close()
    await Promise.allSettled(this.#accepted)
    await this.#retire('worker')
    await this.#retire('api')
  }

  async #retire(wanted: Seat['role']): Promise<void> {
    const leaving = this.#seats.filter(({ role, process }) => role === wanted && !process.isGone)
    await Promise.all(leaving.map(({ process, name }) => process.stop(name)))
  }

  async #finish(): Promise<void> {
    const jobs = await Promise.all(this.#accepted)
    const isTold = async () => new Set((await this.#receiver.read()).map(({ jobId }) => jobId)).size >= jobs.length
    // Most webhooks come at once, and nobody need ask before.
    await until(isTold, MOST_ARE_TOLD_MS)
    let open = jobs
    while (open.length > 0) {
      const looked = await Promise.all(open.map(async (job) => ({ job, end: await this.#look(job) })))
      open = looked.flatMap(({ job, end }) => (end ? [] : [job]))
      if (open.length > 0) await sleep(LOOK_EVERY_MS)
    }
    // One that never comes is for the checker to tell.
    await until(isTold, TOLD_WITHIN_MS)
    await Promise.all(jobs.map((job) => this.#look(job)))
  }

  #look({ id, marker }: Accepted) {
    return this.#client.look(id, marker)
  }
}

/** Resolves when it is so, or after all that time. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await isSo()) && performance.now() < deadlineMs) await sleep(50)
}
