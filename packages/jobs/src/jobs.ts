import { randomUUID } from 'node:crypto'
import {
  type Cost,
  type Door,
  isTerminal,
  type JobError,
  type JobId,
  type JobKind,
  type JobStatus,
  type Output,
  type ProviderName,
} from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { renderDeliveries } from './delivery.ts'
import { newJobId } from './job-id.ts'
import type { Keys } from './keys.ts'
import { LIFECYCLE, mayBecome } from './lifecycle.ts'
import { looksOf } from './looks.ts'
import type { QueueName, Queues } from './queues.ts'
import { decodeRecord, encodeFields, type JobRecord, type JobRequest, type RecordIn, type Waiting } from './record.ts'
import { loadScript } from './script.ts'
import { type Generated, storableSources } from './sources.ts'

const accept = loadScript('accept')
const advance = loadScript('advance')
const requestCancel = loadScript('request-cancel')
const remove = loadScript('remove')

/** A job in its stage this long without a change is looked at by reconcile. */
export type ReconcileAfter = { submitMs: number; pollMs: number; copyMs: number }

export type JobsDeps = {
  /** Scripts and messages share this connection: Redis keeps their order. */
  redis: Redis
  queues: Queues
  keys: Keys
  /** Where callers reach the API; goes into webhook bodies. */
  publicUrl: string
  reconcileAfter?: ReconcileAfter
  now?: () => number
}

export type NewJob = {
  /** Chosen by the caller when inputs were stored under it before the job was accepted. */
  id?: JobId
  team: string
  provider: ProviderName
  operation: string
  model?: string
  kind: JobKind
  door: Door
  request: JobRequest
  idempotency?: { hash: string; fingerprint: string }
}

export type AcceptOutcome =
  | { kind: 'created'; job: JobRecord }
  /** The key was used before for the same request; its job may have been removed since. */
  | { kind: 'replayed'; id: JobId }
  | { kind: 'conflict'; id: JobId }

/** Whether a change of status happened; `found` says what stood there instead. */
export type AdvanceOutcome = { done: true } | { done: false; found: string }

/** How a job ended, and what was learned along with it. */
export type EndedAs = (
  | { status: 'succeeded'; outputs: Output[] }
  | { status: 'failed'; error: JobError; outputs: Output[] }
  | { status: 'canceled' }
) & { cost?: Cost | undefined; upstreamStatus?: string; taskId?: string; polls?: number }

/** What must still hold for a change to happen. `from` defaults to the status that the given record shows. */
export type Proof = { fence?: number; lease?: string; from?: readonly JobStatus[] }

const DEFAULT_RECONCILE_AFTER = { submitMs: 120_000, pollMs: 300_000, copyMs: 900_000 }
const DAY_MS = 86_400_000
/** The jobs: accepting them, reading them and every change of status. The only writer of records. */
export class Jobs {
  readonly #deps: Required<JobsDeps>

  constructor(deps: JobsDeps) {
    this.#deps = { reconcileAfter: DEFAULT_RECONCILE_AFTER, now: Date.now, ...deps }
  }

  /** Durable when it resolves. One job per idempotency key, however many requests race; a replay sends its message again. */
  async accept(job: NewJob): Promise<AcceptOutcome> {
    const { redis, queues, keys, now, reconcileAfter } = this.#deps
    const nowMs = now()
    const id = job.id ?? newJobId(nowMs)
    const { idempotency, team, request, ...rest } = job
    const delayMs = Math.max(0, (request.notBeforeMs ?? nowMs) - nowMs)
    const record: JobRecord = {
      ...rest,
      id,
      team,
      request,
      status: 'queued',
      clientRef: randomUUID(),
      fence: 0,
      submits: 0,
      unknownSubmits: 0,
      times: { queued: nowMs },
    }
    const { times: _, ...parts } = record
    const send = () => queues.send(submitQueue(job), id, `${id}-queued`, { delayMs, priority: request.priority })
    const [{ value, reloaded }] = await Promise.all([
      accept(
        redis,
        [
          idempotency ? keys.idempotency(team, idempotency.hash) : keys.job(id),
          keys.job(id),
          keys.open,
          keys.list(team),
        ],
        [
          idempotency?.fingerprint ?? '',
          Math.max(DAY_MS, request.retentionMs),
          id,
          delayMs + reconcileAfter.submitMs,
          'at:queued',
          nowMs,
          // Beside the request, so that a poller need not read it.
          'deadlines',
          `${request.deadlines.throttledMs},${request.deadlines.runningMs}`,
          ...(request.results === undefined ? [] : ['results', request.results]),
          ...encodeFields(parts),
        ],
      ),
      send(),
    ])
    const [kind, found] = value as ['created' | 'replayed' | 'conflict', JobId] // accept.lua returns nothing else
    if (kind === 'created') {
      if (reloaded) await send()
      return { kind, job: record }
    }
    if (kind === 'replayed') await this.wake(found)
    return { kind, id: found }
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
    return this.#advance(job, 'queued', { fence, from: ['submitting', 'ambiguous'] }, parts, ['providerKey'])
  }

  /** submitting → ambiguous: the create was sent and its answer is lost. */
  async markAmbiguous(job: JobRecord, fence: number): Promise<AdvanceOutcome> {
    return this.#advance(job, 'ambiguous', { fence, from: ['submitting'] }, {})
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
      this.#advance(job, 'generated', { lease }, { ...rest, sources: storableSources(sources), looks }),
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
      this.#advance(job, status, proof, { ...parts, ...looks }, ['sources', 'details', 'waiting', 'cancel'], {
        nowMs,
        deliveries: deliveries.map(({ id, fields }) => ({ key: keys.delivery(id), id, fields })),
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

  async #advance(
    job: JobRecord,
    to: JobStatus,
    proof: Proof,
    parts: Readonly<Record<string, unknown>>,
    removed: readonly string[] = [],
    end?: { nowMs: number; deliveries: readonly { key: string; id: string; fields: readonly string[] }[] },
  ): Promise<AdvanceOutcome> {
    const { redis, queues, keys, reconcileAfter, now } = this.#deps
    const stage = LIFECYCLE[to].stage
    const fields = encodeFields(parts)
    const from = (proof.from ?? [job.status]).filter((status) => mayBecome(status, to))
    const { value, reloaded } = await advance(
      redis,
      [
        keys.job(job.id),
        keys.open,
        keys.due(job.provider),
        keys.expiring,
        keys.undelivered,
        keys.cleanup,
        ...(end?.deliveries.map(({ key }) => key) ?? []),
      ],
      [
        job.id,
        `,${from.join(',')},`,
        proof.fence ?? '',
        proof.lease ?? '',
        to,
        end?.nowMs ?? now(),
        stage ? reconcileAfter[`${stage}Ms`] : '',
        end ? job.request.retentionMs : '',
        `${job.team}/${job.id}`,
        job.request.inputs.length > 0 ? '1' : '',
        keys.ended,
        fields.length,
        ...fields,
        removed.length,
        ...removed,
        ...(end?.deliveries.flatMap((row) => [row.id, row.fields.length, ...row.fields]) ?? []),
      ],
    )
    const [done, found] = value as [0 | 1, string?] // advance.lua returns nothing else
    if (done !== 1) return { done: false, found: found ?? '' }
    if (reloaded) {
      // The messages sent along came before the change, and found nothing to do.
      if (end) await Promise.all(end.deliveries.map(({ id }) => queues.send('notify', id, id)))
      else await this.wake(job.id)
    }
    return { done: true }
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

function submitQueue({ provider, request }: Pick<JobRecord, 'provider' | 'request'>): QueueName {
  return `${request.waits ? 'wait' : 'submit'}-${provider}`
}
