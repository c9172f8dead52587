import type { Keys } from './keys.ts'
import { submitQueue } from './queues.ts'
import type { JobRecord } from './record.ts'

/** So many jobs of a lane may have their turn and not have begun: what workers find to do without asking. */
const WINDOWS = { submit: 64, wait: 256 }
/** A turn whose job has not begun by then has its message sent again: who gave it may have died before. */
export const RESEND_MS = 10_000
/** Room for milliseconds since 1970 below each priority. */
const PRIORITY_STEP = 2 ** 42

type Placed = Pick<JobRecord, 'provider' | 'request' | 'lane' | 'team'>

export function windowOf(queue: string): number {
  return queue.startsWith('wait-') ? WINDOWS.wait : WINDOWS.submit
}

/** Where a job waits for its turn, as scripts are told: prefix, queue, lane, team. */
export function placeArgs(job: Placed, keys: Keys): string[] {
  return [keys.prefix, submitQueue(job), job.lane, job.team]
}

/** The job's place in the line of its team: by priority, then by intake, however often it comes back. */
export function lineScore({ request, times }: Pick<JobRecord, 'request' | 'times'>): number {
  return (request.priority ?? 0) * PRIORITY_STEP + (times.queued ?? 0)
}

/** When a queued job has waited too long. */
export function queueDeadlineMs({ times, request }: Pick<JobRecord, 'request' | 'times'>): number {
  return Math.max(times.queued ?? 0, request.notBeforeMs ?? 0) + request.deadlines.queueMs
}

/** The message of a turn: each has its own, because the one before it may still be on its way. */
export function turnKey(id: string, fence: number): string {
  return `${id}-queued-${fence}`
}
