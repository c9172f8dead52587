import { isReply } from '../reply.ts'
import { type Caller, type Handled, type RunwareContext, refused, told } from './call.ts'
import { addFinished, type Items, processingItem } from './items.ts'
import { problem } from './problem.ts'
import type { PollStep } from './script.ts'
import { finishAtMs, isDone, isOver, type Task, takePollStep } from './task.ts'
import { isUuidV4, type TaskRequest, textIn } from './task-request.ts'
import type { World } from './world.ts'

/** getResponse: one entry per generation, the same ones on every poll, until the results are no longer kept. */
export function pollTask(context: RunwareContext, caller: Caller, request: TaskRequest): Handled {
  const { world } = context
  if (!isUuidV4(request.taskUUID)) return refused(problem('invalidTaskUUID', { parameter: 'taskUUID', type: 'string' }))
  const task = world.task(request.taskUUID)
  if (task?.account !== caller.account || !task.isAsync) return told()
  const nowMs = world.clock.now()
  world.watch.polled(task)
  task.polls += 1
  const step = takePollStep(task, nowMs) ?? {}
  if (task.isLost || task.script.forgotten || nowMs > finishAtMs(task) + world.options.retentionMs) return told()
  const reply = isReply(step) ? { reply: step } : {}
  if (step.empty) return { ...told(), ...reply }
  if (step.problem) {
    return { ...refused(problem(step.problem.code, { ...step.problem, taskUUID: task.uuid })), ...reply }
  }
  return { ...view(context, task, step, nowMs), ...reply }
}

/** getTaskDetails: what was asked and what came of it, for ever. */
export function taskDetails({ world, outputs }: RunwareContext, caller: Caller, request: TaskRequest): Handled {
  const uuid = textIn(request, 'taskUUID')
  const task = world.task(uuid)
  if (task?.account !== caller.account || task.isLost || task.script.forgotten === 'everything') {
    return refused(problem('taskNotFound', { taskType: 'getTaskDetails', taskUUID: request.taskUUID }))
  }
  const nowMs = world.clock.now()
  const { data, errors }: Items = { data: [], errors: [] }
  for (const generation of task.generations) {
    if (isDone(generation, nowMs)) addFinished({ data, errors }, task, generation, outputs, true)
    else data.push(processingItem(task, 'processing', null))
  }
  const response = { ...(data.length > 0 ? { data } : {}), ...(errors.length > 0 ? { errors } : {}) }
  return told({ taskType: 'getTaskDetails', taskUUID: uuid, request: [task.request], response })
}

function view({ world, outputs }: RunwareContext, task: Task, step: PollStep, nowMs: number): Items {
  const items: Items = { data: [], errors: [] }
  for (const generation of task.generations) {
    if (isDone(generation, nowMs) && !step.processing) addFinished(items, task, generation, outputs, true)
    else items.data.push(processingItem(task, step.word ?? 'processing', progressOf(task, step, nowMs)))
  }
  if (step.foreign) items.data.push(foreignItem(world, task))
  return items
}

/** Percent, null where the field is left out: every third poll does without. */
function progressOf(task: Task, { progress }: PollStep, nowMs: number): number | null {
  if (Array.isArray(progress)) return progress[Math.min(task.stepPolls, progress.length) - 1] ?? null
  if (progress !== undefined) return progress
  if (task.polls % 3 === 0) return null
  const share = isOver(task, nowMs) || task.spanMs === 0 ? 1 : (nowMs - task.createdAtMs) / task.spanMs
  return Math.min(99, Math.floor(share * 100))
}

function foreignItem({ seeded }: World, { sentType, uuid, type }: Task): object {
  const taskUUID = seeded.uuid(`stranger of ${uuid}`)
  const url = 'https://im.runware.ai/somebody-elses.mp4'
  return { taskType: sentType, taskUUID, status: 'success', [`${type.field}UUID`]: taskUUID, [`${type.field}URL`]: url }
}
