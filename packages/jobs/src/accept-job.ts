import { randomUUID } from 'node:crypto'
import type { Door, JobId, JobKind, ProviderName } from '@genqueue/contract'
import { newJobId } from './job-id.ts'
import type { JobsDeps } from './jobs-deps.ts'
import { submitQueue } from './queues.ts'
import { encodeFields, type JobRecord, type JobRequest } from './record.ts'
import { loadScript } from './script.ts'

const accept = loadScript('accept')
const DAY_MS = 86_400_000

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

/** Durable when it resolves. One job per idempotency key, however many requests race; a replay sends its message again. */
export async function acceptJob(job: NewJob, deps: Required<JobsDeps>): Promise<AcceptOutcome> {
  const { redis, queues, keys, now, reconcileAfter } = deps
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
      [idempotency ? keys.idempotency(team, idempotency.hash) : keys.job(id), keys.job(id), keys.open, keys.list(team)],
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
  return { kind, id: found }
}
