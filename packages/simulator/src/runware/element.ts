import { type Caller, type Handled, type RunwareContext, refused } from './call.ts'
import { createTask } from './create.ts'
import { pollTask, taskDetails } from './poll.ts'
import { problem } from './problem.ts'
import { smallTask } from './small-tasks.ts'
import { isRecord, textIn } from './task-request.ts'
import { taskTypeOf } from './task-types.ts'

/** One element of a request: a task of whatever type. */
export function handleElement(context: RunwareContext, caller: Caller, element: unknown): Handled {
  if (!isRecord(element)) return refused(problem('invalidTask', { message: 'Every element must be a task object.' }))
  const name = textIn(element, 'taskType')
  const type = taskTypeOf(name)
  if (type) return createTask(context, caller, type, element)
  if (name === 'getResponse') return pollTask(context, caller, element)
  if (name === 'getTaskDetails') return taskDetails(context, caller, element)
  return (
    smallTask(context, caller, element) ??
    refused(
      problem(name === '' ? 'missingTaskType' : 'unsupportedTaskType', {
        parameter: 'taskType',
        ...(element.taskUUID === undefined ? {} : { taskUUID: element.taskUUID }),
      }),
    )
  )
}
