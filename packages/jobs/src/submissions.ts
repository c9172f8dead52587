import { randomBytes } from 'node:crypto'
import type { Cost } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { type Durability, LOCAL } from './durability.ts'
import type { ReconcileAfter } from './jobs-deps.ts'
import type { Keys } from './keys.ts'
import { NO_LOOKS } from './looks.ts'
import { placeArgs } from './place.ts'
import { type QueueName, submitQueue } from './queues.ts'
import { encodeFields, type JobRecord, type Waiting } from './record.ts'
import { loadScript } from './script.ts'
import { type Generated, storableSources } from './sources.ts'

const beginSubmit = loadScript('begin-submit')
const accepted = loadScript('accepted')
const finished = loadScript('finished')
const beginRepeat = loadScript('begin-repeat')
const beginCopy = loadScript('begin-copy')
const endCopy = loadScript('end-copy')

export type BeginOutcome =
  /** The intent is recorded under this fence: send the create now, once. Others wait for the answer of a probe. */
  | { kind: 'begun'; fence: number; isProbe: boolean }
  /** An earlier attempt did not come back; it may have been accepted. */
  | { kind: 'ambiguous'; fence: number; sentAtMs: number }
  /** A cancel was asked for while the job was on its way back to the queue. */
  | { kind: 'cancel' }
  /** The key has as many tasks in the lane as it may; nothing was changed. */
  | { kind: 'full' }
  /** Creates of the key were lost, and it rests or is being tried; nothing was changed. */
  | { kind: 'resting'; restMs: number }
  /** The intent may be lost with this Redis: send nothing. With a fence it was written, and is to be released. */
  | { kind: 'unkept'; fence?: number }
  /** Nothing to submit: the job is further on, or is gone, or its turn is over. */
  | { kind: 'nothing' }

/** How long a probe is waited for, unless told otherwise. */
const PROBE_MS = 31_000

export type SubmissionsDeps = {
  redis: Redis
  keys: Keys
  reconcileAfter: ReconcileAfter
  now?: () => number
  /** As in `JobsDeps`. */
  onRoom?: (queue: QueueName) => void
  durability?: Durability
}

/** The records around a create: intent before it, task id after it. See `docs/lifecycle.md`, submitting. */
export class Submissions {
  readonly #deps: Required<SubmissionsDeps>
  /** Names of calls: a connection that breaks sends what it has no answer to again. */
  readonly #run = randomBytes(6).toString('base64url')
  #calls = 0

  constructor(deps: SubmissionsDeps) {
    this.#deps = { now: Date.now, onRoom: () => {}, durability: LOCAL, ...deps }
  }

  /**
   * `limit`: how many jobs may hold the key in the lane at once; without it any number. `probeMs`: for how long others
   * wait for a probe that nothing is heard of.
   */
  async begin(job: JobRecord, providerKeyId: string, limit?: number, probeMs = PROBE_MS): Promise<BeginOutcome> {
    const { redis, keys, now, reconcileAfter, onRoom, durability } = this.#deps
    if (!(await durability.isLikely())) return { kind: 'unkept' }
    const { value } = await beginSubmit(
      redis,
      [keys.job(job.id), keys.open],
      [
        job.id,
        now(),
        providerKeyId,
        reconcileAfter.submitMs,
        ...placeArgs(job, keys),
        job.fence,
        limit ?? '',
        this.#nextName(),
        probeMs,
      ],
    )
    const [kind, fence, more, isProbe] = value as [string, string?, (string | number)?, number?] // begin-submit.lua returns nothing else
    switch (kind) {
      case 'begun':
        if (more === 1) onRoom(submitQueue(job))
        if (!(await durability.isKept())) return { kind: 'unkept', fence: Number(fence) }
        return { kind, fence: Number(fence), isProbe: isProbe === 1 }
      case 'ambiguous':
        return { kind, fence: Number(fence), sentAtMs: Number(more ?? 0) }
      case 'resting':
        return { kind, restMs: Number(fence) }
      case 'cancel':
      case 'full':
        return { kind }
      default:
        return { kind: 'nothing' }
    }
  }

  #nextName(): string {
    this.#calls += 1
    return `${this.#run}${this.#calls}`
  }

  /**
   * Stores the answer of a create. `orphan` means that the job has another task or has ended: this task belongs to
   * nobody and should be canceled at the vendor.
   */
  async accepted(
    job: JobRecord,
    answer: { fence: number; providerKeyId: string; taskId: string; estimatedCost?: Cost; firstLookMs: number },
  ): Promise<'submitted' | 'orphan'> {
    const { redis, keys, now, reconcileAfter } = this.#deps
    const { fence, taskId, firstLookMs, providerKeyId, estimatedCost } = answer
    const { value } = await accepted(
      redis,
      [keys.job(job.id), keys.open, keys.due(job.provider), keys.orphans],
      [
        job.id,
        fence,
        taskId,
        now(),
        Math.ceil(firstLookMs),
        reconcileAfter.pollMs,
        `${job.provider} ${taskId} ${job.id}`,
        ...placeArgs(job, keys),
        providerKeyId,
        ...encodeFields({ providerKeyId, estimatedCost, looks: NO_LOOKS }),
      ],
    )
    return value === 'orphan' ? 'orphan' : 'submitted'
  }

  /**
   * Stores the result that a create was answered with. `cancel`: it is not wanted any longer; `elsewhere`: the job does
   * not wait for this attempt.
   */
  async finished(
    job: JobRecord,
    answer: { fence: number; providerKeyId: string; taskId: string } & Generated,
  ): Promise<'generated' | 'cancel' | 'elsewhere'> {
    const { redis, keys, now, reconcileAfter } = this.#deps
    const { fence, upstreamStatus, sources, ...parts } = answer
    const looks = { ...NO_LOOKS, upstreamStatus }
    const { value } = await finished(
      redis,
      [keys.job(job.id), keys.open],
      [
        job.id,
        fence,
        now(),
        reconcileAfter.copyMs,
        keys.prefix,
        job.lane,
        ...encodeFields({ ...parts, sources: storableSources(sources), looks }),
      ],
    )
    return value as 'generated' | 'cancel' | 'elsewhere' // finished.lua returns nothing else
  }

  /** Records that the create of an ambiguous job is about to be sent again, to a vendor with whom that makes no second task. */
  async beginRepeat(job: JobRecord): Promise<'begun' | 'cancel' | 'elsewhere' | 'unkept'> {
    const { redis, keys, now, reconcileAfter, durability } = this.#deps
    if (!(await durability.isLikely())) return 'unkept'
    const { value } = await beginRepeat(
      redis,
      [keys.job(job.id), keys.open],
      [job.id, job.fence, now(), reconcileAfter.submitMs],
    )
    if (value === 'begun' && !(await durability.isKept())) return 'unkept'
    return value as 'begun' | 'cancel' | 'elsewhere' // begin-repeat.lua returns nothing else
  }

  /**
   * Claims a run of the copy; undefined when there is nothing to copy. `crashes` counts runs that never came back
   * (one of them may still be alive, and is fenced off), `failures` those that did and failed.
   */
  async beginCopy(job: JobRecord): Promise<{ fence: number; crashes: number; failures: number } | undefined> {
    const { redis, keys } = this.#deps
    const { value } = await beginCopy(redis, [keys.job(job.id)], [])
    const [fence, crashes = 0, failures = 0] = value as number[] // begin-copy.lua returns nothing else
    return fence === undefined ? undefined : { fence, crashes, failures }
  }

  /** A run of the copy came back. With `waiting` it failed and is to be run again. */
  async endCopy(job: JobRecord, waiting?: Waiting): Promise<void> {
    const { redis, keys } = this.#deps
    await endCopy(redis, [keys.job(job.id)], [waiting ? '1' : '', ...encodeFields({ waiting })])
  }
}
