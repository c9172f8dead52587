import { JobId } from '@genqueue/contract'
import { type JobRecord, type Jobs, type LateCosts, unsettledRecord } from '@genqueue/jobs'
import type { PollOutcome } from '@genqueue/providers'
import type { Log } from '../log.ts'

const BATCH = 50
const ASK_AGAIN_MS = 300_000
/** A task that has not ended by then never tells; what it may have cost stays at risk. */
const GIVE_UP_MS = 86_400_000

/**
 * Asks the vendor what tasks have cost that went on when their jobs had ended. Repeats harmlessly; what fails is left
 * for later.
 */
export async function settleLateCosts(deps: {
  lateCosts: LateCosts
  jobs: Jobs
  /** What the vendor says of the job's task; undefined where it cannot be asked. */
  look: (job: JobRecord & { taskId: string }) => Promise<PollOutcome | undefined>
  speed: number
  now: () => number
  log: Log
}): Promise<number> {
  const { lateCosts, jobs, look, speed, now, log } = deps
  const ids = await lateCosts.due(now(), BATCH)
  for (const id of ids) {
    try {
      const job = unsettledRecord(await jobs.get(JobId.parse(id)))
      const outcome = job && (await look(job))
      if (job && outcome && 'cost' in outcome && outcome.cost) await lateCosts.settle(job, outcome.cost)
      else if (job && mayStillTell(job, outcome, now(), speed)) {
        await lateCosts.askAgainAt(id, now() + ASK_AGAIN_MS / speed)
      } else await lateCosts.giveUp(id)
    } catch (error) {
      log.warn({ err: error, jobId: id }, 'asking for a late cost failed')
    }
  }
  return ids.length
}

function mayStillTell({ times }: JobRecord, outcome: PollOutcome | undefined, nowMs: number, speed: number): boolean {
  const endedMs = times.failed ?? times.canceled ?? 0
  if (nowMs - endedMs > GIVE_UP_MS / speed) return false
  return outcome === undefined || outcome.kind === 'waiting' || outcome.kind === 'error'
}
