import { isReply } from '../reply.ts'
import { type Answer, type ApiContext, answer, type Call, refusal } from './call.ts'
import { timesOf } from './script.ts'
import { finalStatus, type Task } from './task.ts'
import { takeStep, viewTask } from './task-view.ts'

/** GET and DELETE of one task; a task of another key does not exist. */
export function taskCall(context: ApiContext, call: Call, taskId: string): Answer {
  const found = context.world.task(taskId)
  if (found?.account !== call.account || found.deletedAtMs !== undefined) return refusal(404, 'Could not find Task')
  if (call.method === 'GET') return poll(context, call, found)
  return call.method === 'DELETE' ? remove(context, found) : refusal(405, 'Method Not Allowed')
}

function poll({ world, issueUrls }: ApiContext, call: Call, task: Task): Answer {
  const { watch, clock, options } = world
  watch.pollStarted(task)
  call.whenClosed(() => watch.pollEnded(task))
  const nowMs = clock.now()
  task.polls += 1
  task.lane.settle(nowMs)
  const step = takeStep(task, nowMs)
  const ending = step?.http === undefined ? finalStatus(step?.status) : undefined
  if (ending && !task.final) world.finish(task, ending)
  const view = viewTask(task, step, { nowMs, dialect: options.dialect, issueUrls: () => issueUrls(task) })
  const isTold = !call.isLost && (!step || !isReply(step))
  if (isTold && finalStatus(view.status)) watch.finalSeen(task)
  return answer(200, view, step)
}

function remove({ world }: ApiContext, task: Task): Answer {
  const nowMs = world.clock.now()
  task.lane.settle(nowMs)
  const script = task.script.delete
  const step = script && task.deletesUsed < timesOf(script, 1) ? script : {}
  task.deletesUsed += 1
  if (step.finishFirst && !task.final) world.finish(task, 'SUCCEEDED')
  if (step.perform ?? (step.http === undefined || step.http < 400)) {
    world.watch.deleted(task)
    if (!task.final) world.finish(task, 'CANCELLED')
    task.deletedAtMs = nowMs
  }
  return answer(204, undefined, step)
}
