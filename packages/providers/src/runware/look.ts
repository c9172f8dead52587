import type { Call, PollOutcome, TaskLook } from '../provider.ts'
import type { RunwareClient } from './client.ts'
import { writeTasks } from './json.ts'
import { detailOutcomes, lookOutcomes } from './look-outcomes.ts'

/** More than the vendor's own clients ask for at once has not been seen. */
export const MAX_LOOKS = 20
/** `getResponse` may know nothing of a task so soon after it was accepted. */
const SILENCE_GRACE_MS = 30_000

export type LookDeps = { client: RunwareClient; pollTimeoutMs: number; now: () => number }

/**
 * One request for all of them, and one more for those that it has nothing to tell about any longer: what was answered
 * at once, or long ago, is only found in the task's details.
 */
export async function lookAt(
  { client, pollTimeoutMs: timeoutMs, now }: LookDeps,
  looks: readonly TaskLook[],
  call: Call,
): Promise<Map<string, PollOutcome>> {
  if (looks.length > MAX_LOOKS) throw new RangeError(`At most ${MAX_LOOKS} tasks are looked at in one request`)
  const outcomes = new Map<string, PollOutcome>()
  if (looks.length === 0) return outcomes
  const ask = (taskType: string, about: readonly TaskLook[]) =>
    client(
      { op: 'poll', body: writeTasks(about.map(({ taskId: taskUUID }) => ({ taskType, taskUUID }))), timeoutMs },
      call,
    )

  const known = lookOutcomes(await ask('getResponse', looks), looks, now())
  const lost: TaskLook[] = []
  for (const look of looks) {
    const seen = known.get(look.taskId)
    const isEarly = seen?.kind === 'silent' && (look.ageMs ?? Number.POSITIVE_INFINITY) < SILENCE_GRACE_MS
    if (isEarly) outcomes.set(look.taskId, { kind: 'waiting', phase: 'queued', upstreamStatus: 'accepted' })
    else if (!seen || seen.kind === 'silent' || seen.kind === 'forgotten') lost.push(look)
    else outcomes.set(look.taskId, seen)
  }
  if (lost.length === 0) return outcomes
  const details = detailOutcomes(await ask('getTaskDetails', lost), lost, now())
  return new Map([...outcomes, ...details])
}
