import type { JobId, JobStatus } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { decodeLooks, type Looks, looksOf, NO_LOOKS } from './looks.ts'
import type { JobRecord, Waiting } from './record.ts'
import { loadScript } from './script.ts'

const readSigns = loadScript('read-signs')

/** What stands for a job that is gone. */
export const GONE = ''

/**
 * A text that stays the same while a caller would notice no change of the job: another status, a percent of progress,
 * another word of the vendor, a reason to wait, a wish to cancel. A look at the vendor that told nothing new is none.
 */
export function jobSign(job: JobRecord): string {
  const { status, submits, cancelRequestedAtMs, waiting } = job
  const looks = 'upstreamStatus' in job ? looksOf(job) : NO_LOOKS
  return signOf(status, submits, cancelRequestedAtMs !== undefined, waiting, looks)
}

/** The signs of many jobs in one call; `GONE` where there is no such job. */
export async function readJobSigns(
  { redis, keys }: { redis: Redis; keys: Keys },
  ids: readonly JobId[],
): Promise<string[]> {
  const { value } = await readSigns(redis, [], [keys.jobPrefix, ...ids])
  const rows = value as (string | null)[][] // read-signs.lua returns nothing else
  return rows.map(([status, submits, cancel, waiting, looks]) => {
    if (!status) return GONE
    return signOf(
      status as JobStatus, // what a record of ours holds; it is only compared
      Number(submits ?? 0),
      typeof cancel === 'string',
      waiting ? (JSON.parse(waiting) as Waiting) : undefined, // written by encodeFields; only compared
      looks ? decodeLooks(looks) : NO_LOOKS,
    )
  })
}

function signOf(
  status: JobStatus,
  submits: number,
  isCancelRequested: boolean,
  waiting: Waiting | undefined,
  { progress, upstreamStatus }: Looks,
): string {
  const percent = Math.floor(progress * 100)
  const { reason = '', untilMs = '' } = waiting ?? {}
  return [status, submits, isCancelRequested ? 'cancel' : '', percent, reason, untilMs, upstreamStatus].join(',')
}
