import { type JobRecord, queueDeadlineMs, type RecordIn, type Waiting } from '@genqueue/jobs'
import { laneModel } from '../feeder.ts'
import type { Pick } from '../key-ring.ts'
import { done, type StageOutcome, snooze } from './outcome.ts'
import type { SubmitDeps } from './submit-deps.ts'

const NO_KEY_RETRY_MS = 30_000
const NOT_DURABLE_RETRY_MS = 1_000

/** What a job that is given no key waits for; empty when it is given one, or could be soon. */
export function whyNot(pick: Pick): string {
  return pick.kind === 'resting' ? pick.reason : pick.kind === 'none' ? 'provider_configuration' : ''
}

/**
 * No key may be used now. Where that holds for the whole lane the job goes back to its line, because the lane is held;
 * where it holds for its model alone it sleeps, lest it stand before those who may go.
 */
export async function waitForKey(
  job: RecordIn<'queued'>,
  pick: Extract<Pick, { kind: 'resting' | 'none' }>,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const { keyRing, now, random, speed } = deps
  const waitMs = pick.kind === 'resting' ? pick.restMs : NO_KEY_RETRY_MS / speed
  const waiting = { reason: whyNot(pick), untilMs: now() + waitMs }
  const { heldMs } = await keyRing.capacity(job.lane, laneModel(job.lane))
  if (heldMs > 0) return waitInLine(job, waiting, deps)
  return sleep(job, { ...waiting, untilMs: waiting.untilMs + (random() * 1000) / speed }, waiting.reason, deps)
}

/** No replica has the intent: nothing may be sent. */
export function notDurable({ now, random, speed }: SubmitDeps) {
  return { reason: 'not_durable', untilMs: now() + (NOT_DURABLE_RETRY_MS * (1 + random())) / speed }
}

/** The job gives its turn back and keeps its place. */
export async function waitInLine(
  job: RecordIn<'queued'>,
  waiting: Waiting | undefined,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  await deps.turns.giveBack(job, { ...(waiting && { waiting }) })
  return lined(job, waiting, deps)
}

/** The job gives its turn back and its message returns later, to line it up. */
export async function sleep(
  job: RecordIn<'queued'>,
  waiting: { reason: string; untilMs: number },
  note: string,
  deps: SubmitDeps,
): Promise<StageOutcome> {
  const sleepMs = Math.max(1, waiting.untilMs - deps.now())
  await deps.turns.giveBack(job, { waiting, sleepMs })
  return snoozeQueued(job, sleepMs, note, deps)
}

/** Waits, but not past the queue deadline: the job then fails when it says, however long a key rests. */
export function snoozeQueued(job: JobRecord, delayMs: number, note: string, { now }: SubmitDeps): StageOutcome {
  return snooze(Math.min(delayMs, queueDeadlineMs(job) - now() + 1), note)
}

/** Its next turn brings a message of its own; this one only returns for a deadline that comes before what is awaited. */
export function lined(job: JobRecord, waiting: Waiting | undefined, deps: SubmitDeps): StageOutcome {
  const untilMs = waiting?.untilMs ?? 0
  const note = waiting?.reason ?? 'full'
  return untilMs > queueDeadlineMs(job) ? snoozeQueued(job, untilMs - deps.now(), note, deps) : done(note)
}
