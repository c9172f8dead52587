import { type Cost, isTerminal, type JobError, type JobId, type JobStatus, type Output } from '@genqueue/contract'
import { type AcceptOutcome, acceptJob, type NewJob } from './accept-job.ts'
import { type AdvanceOutcome, advanceJob, type Change, type Proof } from './advance-job.ts'
import { LOCAL } from './durability.ts'
import type { JobsDeps } from './jobs-deps.ts'
import { LIFECYCLE } from './lifecycle.ts'
import { type Looks, looksOf } from './looks.ts'
import { queueDeadlineMs, turnKey } from './place.ts'
import type { LeasedTask } from './poll-schedule.ts'
import { writeProgress } from './progress-news.ts'
import { submitQueue } from './queues.ts'
import { decodeRecord, type JobRecord, type RecordIn, type Waiting } from './record.ts'
import { loadScript } from './script.ts'
import { type EndedRecord, settleArgs } from './settlement.ts'
import { type Generated, storableSources } from './sources.ts'
import { Turns } from './turns.ts'
import { webhookNews } from './webhook-news.ts'

const requestCancel = loadScript('request-cancel')
const remove = loadScript('remove')

/** How a job ended, and what was learned along with it. */
export type EndedAs = (
  | { status: 'succeeded'; outputs: Output[] }
  | { status: 'failed'; error: JobError; outputs: Output[] }
  | { status: 'canceled' }
) & {
  cost?: Cost | undefined
  /** A task was left at the vendor that may be charged for. */
  costUnknown?: boolean | undefined
  upstreamStatus?: string
  taskId?: string
  polls?: number
}

const DEFAULT_RECONCILE_AFTER = { submitMs: 120_000, pollMs: 300_000, copyMs: 900_000 }

/** The jobs: accepting them, reading them and every change of status. The only writer of records. */
export class Jobs {
  readonly #deps: Required<JobsDeps>
  readonly #turns: Turns

  constructor(deps: JobsDeps) {
    const nobody = { onRoom: () => {}, onNews: () => {}, onEnded: () => {} }
    const usual = { reconcileAfter: DEFAULT_RECONCILE_AFTER, durability: LOCAL, now: Date.now }
    this.#deps = { ...usual, ...nobody, ...deps }
    this.#turns = new Turns(this.#deps)
  }

  /** Durable when it resolves. One job per idempotency key, however many requests race; a replay wakes its job. */
  async accept(job: NewJob): Promise<AcceptOutcome> {
    const outcome = await acceptJob(job, this.#deps)
    if (outcome.kind === 'replayed') await this.wake(outcome.id)
    return outcome
  }

  async get(id: JobId): Promise<JobRecord | undefined> {
    return decodeRecord(id, await this.#deps.redis.hgetall(this.#deps.keys.job(id)))
  }

  /** Sends the message or sets the schedule that the job's status calls for; harmless when it is there already. */
  async wake(id: JobId): Promise<void> {
    const job = await this.get(id)
    if (job) await this.#callFor(job, job.status)
  }

  /**
   * Asks for the job to end. `canceled`: it has, nothing was or will be submitted (or its finished output is dropped);
   * `requested`: the worker will cancel it at the vendor; otherwise it had ended already, or is gone.
   */
  async cancel(job: JobRecord): Promise<'canceled' | 'requested' | 'ended' | 'gone'> {
    if (isTerminal(job.status)) return 'ended'
    if (job.status === 'queued' || job.status === 'generated') {
      const cost = job.status === 'generated' ? job.cost : undefined
      const ended = await this.end(job, { status: 'canceled', cost })
      if (ended.done) return 'canceled'
    }
    const { redis, keys, now } = this.#deps
    const reply = await requestCancel(redis, [keys.job(job.id), keys.due(job.provider)], [job.id, now()])
    if (reply.value === 'requested' || reply.value === 'gone') return reply.value
    const current = await this.get(job.id)
    return current ? this.cancel(current) : 'gone'
  }

  /**
   * submitting | ambiguous → queued: certainly not accepted, or (`isUnknown`) sent again on the caller's own wish. It is
   * in its line again, unless it sleeps first: then its message is to come back and line it up.
   */
  async release(
    job: JobRecord,
    fence: number,
    { waiting, sleepMs = 0, isUnknown = false }: { waiting: Waiting; sleepMs?: number; isUnknown?: boolean },
  ): Promise<AdvanceOutcome> {
    const parts = { waiting, ...(isUnknown && { unknownSubmits: job.unknownSubmits + 1 }) }
    const proof: Proof = { fence, from: ['submitting', 'ambiguous'] }
    return this.#advance(job, { to: 'queued', proof, parts, removed: ['providerKey'], sleepMs })
  }

  /** submitting → ambiguous: the create was sent and its answer is lost. */
  async markAmbiguous(job: JobRecord, fence: number): Promise<AdvanceOutcome> {
    return this.#advance(job, { to: 'ambiguous', proof: { fence, from: ['submitting'] }, parts: {} })
  }

  /** submitted → generated, with the vendor's URLs, and the message for the copy. */
  async generated(
    job: RecordIn<'submitted'>,
    lease: string,
    { upstreamStatus, sources, ...rest }: Generated,
  ): Promise<AdvanceOutcome> {
    const looks = { ...looksOf(job), upstreamStatus, polls: job.polls + 1 }
    const [outcome] = await Promise.all([
      this.#advance(job, {
        to: 'generated',
        proof: { lease },
        parts: { ...rest, sources: storableSources(sources), looks },
      }),
      this.#deps.queues.send('copy', job.id, `${job.id}-generated`, { priority: job.request.priority }),
    ])
    return outcome
  }

  /** Ends the job and writes its deliveries in the same step. Whoever loses the race for the last step changes nothing. */
  async end(job: JobRecord, ended: EndedAs, proof: Proof = {}): Promise<AdvanceOutcome> {
    const { keys, publicUrl, now, onEnded } = this.#deps
    const nowMs = now()
    const { status, ...parts } = ended
    const { waiting: _, cancelRequestedAtMs: __, ...kept } = job
    const cost = ended.cost ?? ('cost' in job ? job.cost : undefined)
    const final = { ...kept, ...parts, cost, status, times: { ...job.times, [status]: nowMs } } as EndedRecord // EndedAs holds the fields of its status
    const looks = 'taskId' in final ? { looks: looksOf(final) } : {}
    const outcome = await this.#advance(job, {
      to: status,
      proof,
      parts: { ...parts, ...looks },
      removed: ['sources', 'details', 'waiting', 'cancel'],
      end: {
        nowMs,
        money: settleArgs(job, final, keys, nowMs),
        news: webhookNews(final, publicUrl, nowMs),
      },
    })
    if (outcome.done) onEnded(final)
    return outcome
  }

  /** Tells those who asked for it how far the job is; `isProgressNews` says when there is something to tell. */
  async tellProgress({ id, told }: Pick<LeasedTask, 'id' | 'told'>, looks: Looks): Promise<void> {
    const job = await this.get(id)
    if (job?.status === 'submitted') await writeProgress(job, looks, told, this.#deps)
  }

  /** Removes the record of an ended job. */
  async remove(job: JobRecord): Promise<'removed' | 'gone' | 'open'> {
    const { redis, keys } = this.#deps
    const { value } = await remove(
      redis,
      [keys.job(job.id), keys.list(job.team), keys.expiring, keys.cleanup],
      [job.id, `${job.team}/${job.id}`],
    )
    return value === 'removed' || value === 'gone' ? value : 'open'
  }

  async #advance(job: JobRecord, change: Change): Promise<AdvanceOutcome> {
    const { reloaded, ...outcome } = await advanceJob(job, change, this.#deps)
    // The messages sent along came before the change, and found nothing to do.
    if (outcome.done && reloaded && !change.end) await this.wake(job.id)
    return outcome
  }

  async #callFor(job: JobRecord, status: JobStatus): Promise<void> {
    const { redis, queues, keys, now } = this.#deps
    const stage = LIFECYCLE[status].stage
    const { priority } = job.request
    if (stage === 'submit') {
      await (job.status === 'queued' ? this.#wakeQueued(job) : this.#lookAt(job))
    } else if (stage === 'poll') {
      await redis.zadd(keys.due(job.provider), 'NX', now(), job.id)
    } else if (stage === 'copy') {
      await queues.send('copy', job.id, `${job.id}-generated`, { priority })
    }
  }

  /** A job that sleeps is woken when it is time; one that has waited too long is looked at, wherever it stands. */
  async #wakeQueued(job: RecordIn<'queued'>): Promise<void> {
    const nowMs = this.#deps.now()
    const wakeAtMs = Math.max(job.request.notBeforeMs ?? 0, job.waiting?.untilMs ?? 0)
    if (nowMs > queueDeadlineMs(job)) return this.#lookAt(job)
    if (job.turn === undefined && wakeAtMs > nowMs) {
      return this.#lookAt(job, Math.min(wakeAtMs, queueDeadlineMs(job) + 1) - nowMs)
    }
    await this.#turns.lineUp(job)
  }

  async #lookAt(job: JobRecord, delayMs = 0): Promise<void> {
    await this.#deps.queues.send(submitQueue(job), job.id, turnKey(job.id, job.fence), { delayMs })
  }
}
