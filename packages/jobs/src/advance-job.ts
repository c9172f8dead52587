import type { JobStatus } from '@genqueue/contract'
import type { JobsDeps } from './jobs-deps.ts'
import { LIFECYCLE, mayBecome } from './lifecycle.ts'
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
  /** For the last change: when, and the delivery rows. */
  end?: { nowMs: number; deliveries: readonly { key: string; id: string; fields: readonly string[] }[] }
}

/** One atomic step. `reloaded`: messages that were sent along came before it, and are to be sent again. */
export async function advanceJob(
  job: JobRecord,
  { to, proof = {}, parts, removed = [], end }: Change,
  { redis, keys, reconcileAfter, now }: Required<JobsDeps>,
): Promise<AdvanceOutcome & { reloaded: boolean }> {
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
  return done === 1 ? { done: true, reloaded } : { done: false, found: found ?? '', reloaded }
}
