import type { JobStatus } from '@genqueue/contract'
import type { JobsDeps } from './jobs-deps.ts'
import { LIFECYCLE, mayBecome } from './lifecycle.ts'
import { lineScore, placeArgs, queueDeadlineMs } from './place.ts'
import { submitQueue } from './queues.ts'
import { encodeFields, type JobRecord } from './record.ts'
import { loadScript } from './script.ts'

const advance = loadScript('advance')

/** Whether a change of status happened; `found` says what stood there instead. */
export type AdvanceOutcome = { done: true } | { done: false; found: string }

/** What must still hold for a change to happen. `from` defaults to the status that the given record shows. */
export type Proof = { fence?: number; lease?: string; from?: readonly JobStatus[] }

/** A change of status, and what is written with it. */
export type Change = {
  to: JobStatus
  proof?: Proof
  parts: Readonly<Record<string, unknown>>
  /** Hash fields that are true no longer. */
  removed?: readonly string[]
  /** For a job that goes back to `queued`: for how long it sleeps first. Otherwise it is in its line at once. */
  sleepMs?: number
  /** For the last change: when, what it settles, and what it tells. */
  end?: { nowMs: number; money: readonly (string | number)[]; news: readonly string[] }
}

/** One atomic step. `reloaded`: messages that were sent along came before it, and are to be sent again. */
export async function advanceJob(
  job: JobRecord,
  { to, proof = {}, parts, removed = [], sleepMs = 0, end }: Change,
  { redis, keys, reconcileAfter, now, onRoom, onNews }: Required<JobsDeps>,
): Promise<AdvanceOutcome & { reloaded: boolean }> {
  const stage = LIFECYCLE[to].stage
  const nowMs = end?.nowMs ?? now()
  const lookMs = stage && reconcileAfter[`${stage}Ms`] + sleepMs
  const fields = encodeFields(parts)
  const from = (proof.from ?? [job.status]).filter((status) => mayBecome(status, to))
  const { value, reloaded } = await advance(
    redis,
    [keys.job(job.id), keys.open, keys.due(job.provider), keys.expiring, keys.cleanup],
    [
      job.id,
      `,${from.join(',')},`,
      proof.fence ?? '',
      proof.lease ?? '',
      to,
      nowMs,
      (to === 'queued' ? Math.min(lookMs ?? 0, Math.max(0, queueDeadlineMs(job) - nowMs)) : lookMs) ?? '',
      end ? job.request.retentionMs : '',
      `${job.team}/${job.id}`,
      job.request.inputs.length > 0 ? '1' : '',
      keys.ended,
      ...placeArgs(job, keys),
      to === 'queued' && sleepMs === 0 ? lineScore(job) : '',
      fields.length,
      ...fields,
      removed.length,
      ...removed,
      ...(end ? [end.money.length, ...end.money, end.news.length, ...end.news] : []),
    ],
  )
  const reply = value as [1, 0 | 1, number] | [0, string] // advance.lua returns nothing else
  if (reply[0] === 0) return { done: false, found: reply[1], reloaded }
  if (reply[1] === 1) onRoom(submitQueue(job))
  if (reply[2] > 0) onNews()
  return { done: true, reloaded }
}
