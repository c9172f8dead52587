import { type Cost, isTerminal, type JobError, type JobId, type JobStatus, type Output } from '@genqueue/contract'
import { type AcceptOutcome, acceptJob, type NewJob } from './accept-job.ts'
import { type AdvanceOutcome, advanceJob, type Change, type Proof } from './advance-job.ts'
import { renderDeliveries } from './delivery.ts'
import type { JobsDeps } from './jobs-deps.ts'
import { LIFECYCLE } from './lifecycle.ts'
import { looksOf } from './looks.ts'
import { submitQueue } from './queues.ts'
import { decodeRecord, encodeFields, type JobRecord, type RecordIn, type Waiting } from './record.ts'
import { loadScript } from './script.ts'
import { type Generated, storableSources } from './sources.ts'

const requestCancel = loadScript('request-cancel')
const remove = loadScript('remove')

/** How a job ended, and what was learned along with it. */
export type EndedAs = (
  | { status: 'succeeded'; outputs: Output[] }
  | { status: 'failed'; error: JobError; outputs: Output[] }
  | { status: 'canceled' }
) & { cost?: Cost | undefined; upstreamStatus?: string; taskId?: string; polls?: number }

const DEFAULT_RECONCILE_AFTER = { submitMs: 120_000, pollMs: 300_000, copyMs: 900_000 }

/** The jobs: accepting them, reading them and every change of status. The only writer of records. */
export class Jobs {
  readonly #deps: Required<JobsDeps>

  constructor(deps: JobsDeps) {
    this.#deps = { reconcileAfter: DEFAULT_RECONCILE_AFTER, now: Date.now, ...deps }
  }

  /** Durable when it resolves. One job per idempotency key, however many requests race; a replay sends its message again. */
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

  /** submitting | ambiguous → queued: certainly not accepted, or (`isUnknown`) sent again on the caller's own wish. */
  async release(job: JobRecord, fence: number, waiting: Waiting, isUnknown = false): Promise<AdvanceOutcome> {
    const parts = { waiting, ...(isUnknown && { unknownSubmits: job.unknownSubmits + 1 }) }
    const proof: Proof = { fence, from: ['submitting', 'ambiguous'] }
    return this.#advance(job, { to: 'queued', proof, parts, removed: ['providerKey'] })
  }

  /** submitting → ambiguous: the create was sent and its answer is lost. */
  async markAmbiguous(job: JobRecord, fence: number): Promise<AdvanceOutcome> {
    return this.#advance(job, { to: 'ambiguous', proof: { fence, from: ['submitting'] }, parts: {} })
  }

  /** Notes why a queued job is held back; shown to the caller, decides nothing. */
  async noteWaiting(job: RecordIn<'queued'>, waiting: Waiting): Promise<void> {
    await this.#deps.redis.hset(this.#deps.keys.job(job.id), ...encodeFields({ waiting }))
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

  /**
   * Ends the job and writes its delivery rows in the same step; the deliveries' messages follow. Whoever loses the race
   * for the last step changes nothing.
   */
  async end(job: JobRecord, ended: EndedAs, proof: Proof = {}): Promise<AdvanceOutcome> {
    const { keys, queues, publicUrl, now } = this.#deps
    const nowMs = now()
    const { status, ...parts } = ended
    const { waiting: _, cancelRequestedAtMs: __, ...kept } = job
    const final = { ...kept, ...parts, status, times: { ...job.times, [status]: nowMs } } as JobRecord // EndedAs holds the fields of its status
    const deliveries = renderDeliveries(final, publicUrl, nowMs)
    const looks = 'taskId' in final ? { looks: looksOf(final) } : {}
    const [outcome] = await Promise.all([
      this.#advance(job, {
        to: status,
        proof,
        parts: { ...parts, ...looks },
        removed: ['sources', 'details', 'waiting', 'cancel'],
        end: { nowMs, deliveries: deliveries.map(({ id, fields }) => ({ key: keys.delivery(id), id, fields })) },
      }),
      ...deliveries.map(({ id }) => queues.send('notify', id, id)),
    ])
    return outcome
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
    if (outcome.done && reloaded) {
      // The messages sent along came before the change, and found nothing to do.
      const untold = change.end?.deliveries.map(({ id }) => this.#deps.queues.send('notify', id, id))
      await (untold ? Promise.all(untold) : this.wake(job.id))
    }
    return outcome
  }

  async #callFor(job: JobRecord, status: JobStatus): Promise<void> {
    const { redis, queues, keys, now } = this.#deps
    const stage = LIFECYCLE[status].stage
    const { priority } = job.request
    if (stage === 'submit') {
      const delayMs = Math.max(0, (job.request.notBeforeMs ?? 0) - now())
      await queues.send(submitQueue(job), job.id, `${job.id}-queued`, { priority, delayMs })
    } else if (stage === 'poll') {
      await redis.zadd(keys.due(job.provider), 'NX', now(), job.id)
    } else if (stage === 'copy') {
      await queues.send('copy', job.id, `${job.id}-generated`, { priority })
    }
  }
}
