import type { Clock } from '../clock.ts'
import type { Handled } from './call.ts'
import { type Items, syncItems } from './items.ts'
import type { RunwareOutputs } from './outputs.ts'
import { problem } from './problem.ts'
import { finishAtMs, isOver } from './task.ts'

/** Calls `run` at once, or as soon as the tasks that are waited for are over, or after `limitMs` in any case. */
export function whenAnswered(clock: Clock, handled: readonly Handled[], limitMs: number, run: () => void): void {
  const tasks = handled.flatMap((each) => each.waitsFor ?? [])
  if (tasks.length === 0) {
    run()
    return
  }
  const dueMs = Math.max(...tasks.map(finishAtMs))
  const limitAtMs = clock.now() + limitMs
  let isAnswered = false
  const answer = (): void => {
    if (!isAnswered) run()
    isAnswered = true
  }
  const look = (): void => {
    const nowMs = clock.now()
    if (nowMs >= limitAtMs) answer()
    else if (nowMs < dueMs) clock.after(Math.min(dueMs, limitAtMs) - nowMs, look)
    else if (tasks.every((task) => isOver(task, nowMs))) answer()
    else waitForPuts(nowMs)
  }
  const waitForPuts = (nowMs: number): void => {
    const callOff = clock.after(limitAtMs - nowMs, answer)
    void Promise.all(tasks.flatMap(({ puts }) => puts)).then(() => {
      callOff()
      answer()
    })
  }
  look()
}

/** What there is to say by now: a task that is not over yet has timed out. */
export function itemsOf(each: Handled, outputs: RunwareOutputs, nowMs: number): Pick<Handled, keyof Items> {
  const { waitsFor, isNameless } = each
  if (waitsFor && !isOver(waitsFor, nowMs)) {
    return { data: [], errors: [problem('timeout', { taskType: waitsFor.sentType, taskUUID: waitsFor.uuid })] }
  }
  const { data, errors } = waitsFor ? syncItems(waitsFor, outputs) : each
  return { data: isNameless ? data.map(withoutUuid) : data, errors }
}

function withoutUuid(item: object): object {
  return Object.fromEntries(Object.entries(item).filter(([name]) => name !== 'taskUUID'))
}
