import { randomUUID } from 'node:crypto'
import type { ProviderBook } from '@genqueue/accounts'
import { PROVIDERS } from '@genqueue/contract'
import type { Census, JobCensus, KeyRests, Keys } from '@genqueue/jobs'
import type { Metrics } from '@genqueue/metrics'
import type { Redis } from 'ioredis'
import { isUsable } from './key-ring.ts'
import type { Log } from './log.ts'

const INTERVAL_MS = 15_000
/** Whoever vanishes is followed by another after this. */
const LEASE_MS = 40_000

export type CensusTakerDeps = {
  redis: Redis
  keys: Keys
  census: JobCensus
  book: Pick<ProviderBook, 'settings'>
  rests: Pick<KeyRests, 'of'>
  metrics: Metrics
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  now: () => number
}

/**
 * Counts every 15 s what stands where, for all: of any number of workers one does it at a time, and only that one tells,
 * so that a scraper may add up what the workers say.
 */
export class CensusTaker {
  readonly #deps: CensusTakerDeps
  readonly #id = randomUUID()
  #timer: NodeJS.Timeout | undefined
  #taking: Promise<void> | undefined

  constructor(deps: CensusTakerDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(this.#tick, INTERVAL_MS / this.#deps.speed)
    this.#tick()
  }

  /** Leaves the counting to another at once. */
  async stop(): Promise<void> {
    const { redis, keys } = this.#deps
    clearInterval(this.#timer)
    if (redis.status !== 'ready') return
    await this.#taking
    if ((await redis.get(keys.census)) === this.#id) await redis.del(keys.census)
  }

  /** One at a time: while Redis is away the first waits for it. */
  readonly #tick = (): void => {
    this.#taking ??= this.#take()
      .catch((error) => {
        this.#forget()
        this.#deps.log.warn({ err: error }, 'counting what stands where failed')
      })
      .finally(() => {
        this.#taking = undefined
      })
  }

  async #take(): Promise<void> {
    const { census, metrics, now } = this.#deps
    if (!(await this.#isOurs())) return this.#forget()
    const [found, keyStates] = await Promise.all([census.take(now()), this.#keyStates()])
    // Keys that are gone are not to be told of any more.
    this.#forget()
    tellCensus(found, metrics)
    for (const { provider, key_name, state } of keyStates)
      metrics.set('provider_key_state', { provider, key_name }, state)
  }

  /** Two may count at once for a moment, which does no harm. */
  async #isOurs(): Promise<boolean> {
    const { redis, keys, speed } = this.#deps
    const leaseMs = Math.ceil(LEASE_MS / speed)
    if ((await redis.set(keys.census, this.#id, 'PX', leaseMs, 'NX')) === 'OK') return true
    if ((await redis.get(keys.census)) !== this.#id) return false
    return (await redis.pexpire(keys.census, leaseMs)) === 1
  }

  async #keyStates() {
    const { book, rests, now } = this.#deps
    const entries = PROVIDERS.flatMap((provider) => book.settings(provider).keys.map((entry) => ({ provider, entry })))
    return Promise.all(
      entries.map(async ({ provider, entry }) => {
        const isResting = (await rests.of(entry.id, now())).some(({ model }) => model === undefined)
        return { provider, key_name: entry.name, state: !isUsable(entry) ? 2 : isResting ? 1 : 0 }
      }),
    )
  }

  #forget(): void {
    this.#deps.metrics.clear(
      'jobs_in_state',
      'job_oldest_age_seconds',
      'line_jobs_waiting',
      'line_teams_waiting',
      'webhook_pending',
      'webhook_oldest_due_seconds',
      'webhook_destinations',
      'provider_key_state',
    )
  }
}

function tellCensus({ states, lines, webhooks }: Census, metrics: Metrics): void {
  for (const [state, { count, oldestAgeMs }] of Object.entries(states)) {
    metrics.set('jobs_in_state', { state }, count)
    metrics.set('job_oldest_age_seconds', { state }, oldestAgeMs / 1000)
  }
  for (const { queue, teams, jobs } of lines) {
    metrics.set('line_teams_waiting', { queue }, teams)
    metrics.set('line_jobs_waiting', { queue }, jobs)
  }
  metrics.set('webhook_pending', {}, webhooks.pending)
  metrics.set('webhook_oldest_due_seconds', {}, webhooks.oldestDueMs / 1000)
  metrics.set('webhook_destinations', { state: 'proven' }, webhooks.proven)
  metrics.set('webhook_destinations', { state: 'suspect' }, webhooks.suspects)
}
