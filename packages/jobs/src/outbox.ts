import type { JobId } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Delivery, DeliveryAttempt, DeliveryStatus } from './delivery.ts'
import { type DeliveryPage, type DeliveryQuery, listDeliveries } from './delivery-list.ts'
import { EndpointDisabledReason } from './endpoint-row.ts'
import type { Keys } from './keys.ts'
import { readDelivery } from './read-delivery.ts'
import { loadScript } from './script.ts'
import { KEEP_DELIVERIES_MS } from './webhook-news.ts'

const leaseDeliveries = loadScript('lease-deliveries')
const recordAttempt = loadScript('record-attempt')
const redeliver = loadScript('redeliver')

const DAY_MS = 86_400_000
const FIELDS = [
  'id',
  'jobId',
  'team',
  'destination',
  'url',
  'endpointId',
  'type',
  'body',
  'attempts',
  'step',
  'createdAtMs',
] as const
/** What a script moves in one step. */
const REDELIVER_BATCH = 500
const MAX_REDELIVERED = 10_000
const UNDELIVERED: readonly DeliveryStatus[] = ['exhausted', 'gone', 'blocked', 'held']

/** A delivery whose time has come, leased to this process until `lease`. */
export type LeasedDelivery = Pick<
  Delivery,
  'id' | 'jobId' | 'team' | 'destination' | 'type' | 'body' | 'createdAtMs'
> & {
  url?: string
  endpointId?: string
  lease: string
  attempts: number
  step: number
  /** Its destination is new, or failed lately. */
  isSuspect: boolean
}

/**
 * What became of a leased delivery. `what` is what it says about the destination: `slow` is taken, but not soon;
 * `crowded`: nothing was sent, because its host has enough. Absent where there is nothing to say.
 */
export type Sent = {
  delivery: LeasedDelivery
  attempt?: DeliveryAttempt
  what?: 'taken' | 'slow' | 'refused' | 'failed' | 'crowded'
  next: { status: 'pending'; retryInMs: number } | { status: Exclude<DeliveryStatus, 'pending'> }
}

/** `disabled`: it was written, and the endpoint has been disabled for that reason by the same step. */
export type WrittenBack = { kind: 'written' | 'lost' } | { kind: 'disabled'; reason: EndpointDisabledReason }

export type OutboxOptions = {
  /** Most deliveries that are sent to one destination at a time. */
  maxWindow: number
  /** Failures in a row after which a destination is left alone, and for how long: doubling from the first to the longest. */
  circuitFailures: number
  circuitFirstMs: number
  circuitLongestMs: number
  /** An endpoint that has taken nothing for so long is disabled; what waited so long for a destination is given up. */
  giveUpMs: number
  /** Added to Redis's clock; for tests in which days pass. */
  clockOffsetMs: number
}

const DEFAULTS: OutboxOptions = {
  maxWindow: 32,
  circuitFailures: 5,
  circuitFirstMs: 30_000,
  circuitLongestMs: 600_000,
  giveUpMs: 5 * DAY_MS,
  clockOffsetMs: 0,
}

/**
 * Whom to tell what, and when: a schedule per destination. `Jobs.end` writes into it in the step that ends the job;
 * processes lease what is due and write back what became of it.
 */
export class Outbox {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #options: OutboxOptions

  constructor({ redis, keys, ...options }: { redis: Redis; keys: Keys } & Partial<OutboxOptions>) {
    this.#redis = redis
    this.#keys = keys
    this.#options = { ...DEFAULTS, ...options }
  }

  async get(id: string): Promise<Delivery | undefined> {
    return readDelivery({ redis: this.#redis, keys: this.#keys }, id)
  }

  /**
   * Takes up to `limit` deliveries that are due, `suspects` of them to destinations that have not proven themselves.
   * `nextInMs`: until there may be more; undefined when nothing waits.
   */
  async lease(options: { limit: number; suspects: number; leaseMs: number }): Promise<{
    deliveries: LeasedDelivery[]
    nextInMs: number | undefined
  }> {
    const { limit, suspects, leaseMs } = options
    const { clockOffsetMs, giveUpMs } = this.#options
    const { value } = await leaseDeliveries(
      this.#redis,
      [this.#keys.destinations],
      [this.#keys.prefix, limit, suspects, leaseMs, clockOffsetMs, giveUpMs, KEEP_DELIVERIES_MS, ...FIELDS],
    )
    const [nextInMs, ...rows] = value as [number, ...(string | null)[][]] // lease-deliveries.lua returns nothing else
    return { deliveries: rows.map(readRow), nextInMs: nextInMs < 0 ? undefined : nextInMs }
  }

  /** Writes back in one step what became of leased deliveries; those whose lease was lost are left out. */
  async record(sent: readonly Sent[]): Promise<WrittenBack[]> {
    if (sent.length === 0) return []
    const { clockOffsetMs, maxWindow, circuitFailures, circuitFirstMs, circuitLongestMs, giveUpMs } = this.#options
    const { value } = await recordAttempt(
      this.#redis,
      [this.#keys.destinations],
      [
        this.#keys.prefix,
        clockOffsetMs,
        KEEP_DELIVERIES_MS,
        maxWindow,
        circuitFailures,
        circuitFirstMs,
        circuitLongestMs,
        giveUpMs,
        ...sent.flatMap(({ delivery, attempt, what = '', next }) => [
          delivery.id,
          delivery.destination,
          delivery.team,
          delivery.lease,
          next.status,
          next.status === 'pending' ? Math.ceil(next.retryInMs) : '',
          attempt ? JSON.stringify(attempt) : '',
          what,
        ]),
      ],
    )
    const replies = value as (0 | 1 | string)[] // record-attempt.lua returns nothing else
    return replies.map((reply) => {
      if (reply === 0 || reply === 1) return { kind: reply === 1 ? 'written' : 'lost' }
      return { kind: 'disabled', reason: EndpointDisabledReason.parse(reply) }
    })
  }

  /**
   * The deliveries of a job: the latest twenty of its progress, then those of its end. Those that have expired meanwhile
   * are left out.
   */
  async listForJob(id: JobId): Promise<Delivery[]> {
    const lists = await this.#redis.hmget(this.#keys.job(id), 'progressDeliveries', 'deliveries')
    const ids = lists.flatMap((list) => (list ? list.split(',') : []))
    const found = await Promise.all(ids.map((each) => this.get(each)))
    return found.filter((delivery) => delivery !== undefined)
  }

  /** A page of a team's deliveries, newest first. */
  listByStatus(team: string, query: DeliveryQuery): Promise<DeliveryPage> {
    return listDeliveries({ redis: this.#redis, keys: this.#keys }, team, query)
  }

  /**
   * Sends it again, at once: same id and bytes. `sending`: an attempt is under way right now; `disabled`: its endpoint
   * is, and it stays as it was.
   */
  async redeliver(id: string): Promise<'redelivered' | 'sending' | 'disabled' | 'gone'> {
    const [reply] = await this.#redeliver([id], [...UNDELIVERED, 'delivered', 'pending'], { isEachMeant: true })
    return reply === 'redelivered' || reply === 'sending' || reply === 'disabled' ? reply : 'gone'
  }

  /**
   * Sends again what was made since then and nobody took, or what was held: all of a team or of one of its endpoints.
   * Not samples, nor those of endpoints that are disabled and of URLs that answered 410. At most 10,000 at a time, oldest
   * first; `hasMore` says whether to ask again, from `nextSinceMs` on.
   */
  async redeliverFailedSince(
    team: string,
    sinceMs: number,
    { endpointId, statuses = UNDELIVERED }: { endpointId?: string; statuses?: readonly DeliveryStatus[] } = {},
  ): Promise<{ redelivered: number; hasMore: boolean; nextSinceMs?: number }> {
    const list = this.#keys.deliveries(team)
    let redelivered = 0
    let last: string | undefined
    for (;;) {
      // Places move when the oldest leave the list meanwhile, perhaps with the last one that was seen.
      const place = last === undefined ? null : await this.#redis.zrank(list, last)
      const at = place === null ? await this.#redis.zcount(list, '-inf', `(${sinceMs}`) : place + 1
      const ids = await this.#redis.zrange(list, String(at), String(at + REDELIVER_BATCH - 1))
      const replies = await this.#redeliver(ids, statuses, { endpointId })
      redelivered += replies.filter((reply) => reply === 'redelivered').length
      last = ids.at(-1)
      if (ids.length < REDELIVER_BATCH) return { redelivered, hasMore: false }
      if (redelivered < MAX_REDELIVERED) continue
      const nextSinceMs = Number(await this.#redis.zscore(list, last ?? ''))
      return { redelivered, hasMore: true, nextSinceMs }
    }
  }

  /** How many deliveries wait for the endpoint to be enabled again; `redeliverFailedSince` sends them. */
  async heldFor(endpointId: string): Promise<number> {
    return this.#redis.zcard(this.#keys.held(`ep:${endpointId}`))
  }

  async #redeliver(
    ids: readonly string[],
    from: readonly DeliveryStatus[],
    { endpointId = '', isEachMeant = false }: { endpointId?: string | undefined; isEachMeant?: boolean },
  ): Promise<string[]> {
    if (ids.length === 0) return []
    const { value } = await redeliver(
      this.#redis,
      [this.#keys.destinations],
      [
        this.#keys.prefix,
        this.#options.clockOffsetMs,
        endpointId,
        `,${from.join(',')},`,
        isEachMeant ? '1' : '',
        ...ids,
      ],
    )
    return value as string[] // redeliver.lua returns nothing else
  }
}

function readRow(row: readonly (string | null)[]): LeasedDelivery {
  const [lease, isSuspect, id, jobId, team, destination, url, endpointId, type, body, attempts, step, createdAtMs] = row
    .slice(1)
    .map((field) => field ?? '')
  return {
    id: id ?? '',
    jobId: jobId ?? '',
    team: team ?? '',
    destination: destination ?? '',
    ...(url && { url }),
    ...(endpointId && { endpointId }),
    type: type ?? '',
    body: body ?? '',
    lease: lease ?? '',
    attempts: Number(attempts),
    step: Number(step),
    createdAtMs: Number(createdAtMs),
    isSuspect: isSuspect === '1',
  }
}
