import type { Redis } from 'ioredis'
import type { ReconcileAfter } from './jobs-deps.ts'
import type { Keys } from './keys.ts'
import { lineScore, placeArgs, queueDeadlineMs, RESEND_MS, turnKey, windowOf } from './place.ts'
import { type QueueName, type Queues, submitQueue } from './queues.ts'
import { encodeFields, type RecordIn, type Waiting } from './record.ts'
import { loadScript } from './script.ts'

const lineUp = loadScript('line-up')
const giveBack = loadScript('give-back')
const feed = loadScript('feed')
/** In one script: Redis stands still meanwhile. */
const MAX_TURNS_AT_ONCE = 100
const ANY = Number.POSITIVE_INFINITY

/** How many jobs workers could begin, and how many more tasks the vendor takes; any number unless given. */
type Room = { room?: number; free?: number }

export type TurnsDeps = {
  redis: Redis
  keys: Keys
  queues: Queues
  reconcileAfter: Pick<ReconcileAfter, 'submitMs'>
  now: () => number
}

/** Whose turn it is to be submitted. See `docs/lifecycle.md`, fair turns. */
export class Turns {
  readonly #deps: TurnsDeps

  constructor(deps: TurnsDeps) {
    this.#deps = deps
  }

  /** The job stands in the line of its team, at its old place, or has its turn and its message; idempotent. */
  async lineUp(job: RecordIn<'queued'>): Promise<void> {
    const { redis, keys } = this.#deps
    const queue = submitQueue(job)
    const { value } = await lineUp(
      redis,
      [keys.job(job.id)],
      [...placeArgs(job, keys), job.id, lineScore(job), windowOf(queue), RESEND_MS],
    )
    const [place, fence, turn] = value as ['fed', number, number] | ['lined' | 'elsewhere'] // line-up.lua returns nothing else
    if (place === 'fed') await this.#send(queue, job.id, fence, turn)
  }

  /**
   * The job has its turn no longer and did not begin. It is in its line again at its old place, or sleeps outside of it
   * for `sleepMs`: then its message is to come back and line it up. `waiting` is shown to the caller.
   */
  async giveBack(job: RecordIn<'queued'>, { waiting, sleepMs = 0 }: { waiting?: Waiting; sleepMs?: number }) {
    const { redis, keys, reconcileAfter, now } = this.#deps
    const lookMs = Math.min(sleepMs + reconcileAfter.submitMs, Math.max(0, queueDeadlineMs(job) - now()))
    await giveBack(
      redis,
      [keys.job(job.id), keys.open],
      [
        ...placeArgs(job, keys),
        job.id,
        sleepMs > 0 ? '' : lineScore(job),
        job.fence,
        Math.ceil(lookMs),
        ...encodeFields({ waiting }),
      ],
    )
  }

  /** Lanes of the queue in which somebody waits or has his turn. */
  async lanes(queue: QueueName): Promise<string[]> {
    return this.#deps.redis.smembers(this.#deps.keys.lanes(queue))
  }

  /**
   * Gives turns while less than `room` jobs have theirs and have not begun, and sends their messages, also those of turns
   * given long ago. Where more have one than there is room for, those before them in turn are given theirs all the same,
   * while the vendor takes any (`free`). Tells whether more could have been given.
   */
  async feed(queue: QueueName, lane: string, { room = ANY, free = ANY }: Room = {}): Promise<{ hasMore: boolean }> {
    const { redis, keys } = this.#deps
    const window = Math.max(0, Math.min(free, windowOf(queue)))
    const most = Math.max(0, Math.min(room, window))
    const { value } = await feed(redis, [], [keys.prefix, queue, lane, most, RESEND_MS, MAX_TURNS_AT_ONCE, window])
    const [isAwaited, ...turns] = value as [0 | 1, ...[string, number, number][]] // feed.lua returns nothing else
    await Promise.all(turns.map(([id, fence, turn]) => this.#send(queue, id, fence, turn)))
    return { hasMore: isAwaited === 1 && turns.length >= MAX_TURNS_AT_ONCE }
  }

  /** What was given a turn later waits behind those before it, whichever was sent first. */
  #send(queue: QueueName, id: string, fence: number, turn: number): Promise<void> {
    return this.#deps.queues.send(queue, id, turnKey(id, fence), { priority: turn })
  }
}
