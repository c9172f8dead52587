import { randomUUID } from 'node:crypto'
import type { Cost, Door, JobId, JobKind, ProviderName } from '@genqueue/contract'
import { DEFAULT_CREDIT_USD, type Hold, moneyOf } from './hold.ts'
import { newJobId } from './job-id.ts'
import type { JobsDeps } from './jobs-deps.ts'
import { holdArgs, type JobLimits, type Refusal, refusalOf } from './limits.ts'
import { lineScore, placeArgs, RESEND_MS, turnKey, windowOf } from './place.ts'
import { askedProgress } from './progress-news.ts'
import { submitQueue } from './queues.ts'
import { encodeFields, type JobRecord, type JobRequest, type RecordIn } from './record.ts'
import { loadScript } from './script.ts'

const accept = loadScript('accept')
const DAY_MS = 86_400_000
const UNKEPT = { kind: 'unkept', isWritten: true } as const

export type NewJob = {
  /** Chosen by the caller when inputs were stored under it before the job was accepted. */
  id?: JobId
  team: string
  provider: ProviderName
  operation: string
  model?: string
  /** The vendor's capacity group; without it the job stands with all that have none of their own. */
  lane?: string
  kind: JobKind
  door: Door
  request: JobRequest
  idempotency?: { hash: string; fingerprint: string }
  /** The caller's key, where it has a budget of its own. */
  apiKeyId?: string | undefined
  limits?: JobLimits | undefined
  /** What budgets hold until the job has ended; nothing where it is not known. */
  estimatedCost?: Cost | undefined
  creditUsd?: number | undefined
  traceparent?: string
}

type Refused = ['replayed' | 'conflict', JobId] | ['limited', string, number]

export type AcceptOutcome =
  | { kind: 'created'; job: JobRecord }
  /** The key was used before for the same request; its job may have been removed since. */
  | { kind: 'replayed'; id: JobId }
  | { kind: 'conflict'; id: JobId }
  /** A limit of the caller's team or key stands against it; nothing was written. */
  | { kind: 'limited'; refusal: Refusal }
  /** It may be lost with this Redis. What was written is not taken back: the job may run. */
  | { kind: 'unkept'; isWritten: boolean }

/**
 * Durable when it resolves. One job per idempotency key, however many requests race. The job stands in the line of its
 * team; its message is sent when it has its turn, which it has at once where nobody waits.
 */
export async function acceptJob(job: NewJob, deps: Required<JobsDeps>): Promise<AcceptOutcome> {
  const { redis, queues, keys, now, reconcileAfter, durability } = deps
  if (!(await durability.isLikely())) return { kind: 'unkept', isWritten: false }
  const nowMs = now()
  const id = job.id ?? newJobId(nowMs)
  const { idempotency, team, request, apiKeyId, limits = {}, creditUsd = DEFAULT_CREDIT_USD, ...rest } = job
  const delayMs = Math.max(0, (request.notBeforeMs ?? nowMs) - nowMs)
  const hold: Hold = {
    ...moneyOf(job.estimatedCost, creditUsd),
    creditUsd,
    ...(apiKeyId !== undefined && { apiKeyId }),
  }
  const money = holdArgs({ team, provider: job.provider, hold, limits, nowMs }, keys)
  const record: RecordIn<'queued'> = {
    ...rest,
    id,
    team,
    lane: job.lane ?? '*',
    request,
    hold,
    status: 'queued',
    clientRef: randomUUID(),
    fence: 0,
    submits: 0,
    unknownSubmits: 0,
    times: { queued: nowMs },
  }
  const { times: _, ...parts } = record
  const queue = submitQueue(job)
  const { value } = await accept(
    redis,
    [idempotency ? keys.idempotency(team, idempotency.hash) : keys.job(id), keys.job(id), keys.open, keys.list(team)],
    [
      idempotency?.fingerprint ?? '',
      Math.max(DAY_MS, delayMs + longestMs(request)),
      id,
      delayMs + Math.min(reconcileAfter.submitMs, request.deadlines.queueMs),
      money.length,
      ...money,
      ...placeArgs(record, keys),
      lineScore(record),
      delayMs > 0 ? '' : windowOf(queue),
      RESEND_MS,
      'at:queued',
      nowMs,
      // Beside the request, so that a poller need not read it.
      'deadlines',
      `${request.deadlines.throttledMs},${request.deadlines.runningMs}`,
      ...(request.results === undefined ? [] : ['results', request.results]),
      ...askedProgress(record),
      ...encodeFields(parts),
    ],
  )
  const reply = value as ['created', JobId, 'fed' | 'lined' | 'asleep', number?, number?] | Refused // accept.lua returns nothing else
  if (reply[0] === 'limited') return { kind: reply[0], refusal: refusalOf([reply[1], reply[2]], limits, nowMs) }
  if (reply[0] === 'conflict') return { kind: reply[0], id: reply[1] }
  const isKept = durability.isKept()
  if (reply[0] === 'replayed') return (await isKept) ? { kind: reply[0], id: reply[1] } : UNKEPT
  const [, , place, fence = 0, turn] = reply
  const hasTurn = place === 'fed' && turn !== undefined
  if (place === 'asleep') await queues.send(queue, id, turnKey(id, fence), { delayMs })
  if (hasTurn) await queues.send(queue, id, turnKey(id, fence), { priority: turn })
  if (!(await isKept)) return UNKEPT
  return { kind: 'created', job: hasTurn ? { ...record, fence, turn } : record }
}

/** How long a job that does not sleep first can be there, to the end of its record. */
function longestMs({ deadlines, retentionMs }: JobRequest): number {
  return deadlines.queueMs + deadlines.throttledMs + deadlines.runningMs + retentionMs
}
