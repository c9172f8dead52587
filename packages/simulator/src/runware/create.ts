import { BadFault } from '../fault-args.ts'
import type { Caller, Handled, RunwareContext } from './call.ts'
import { refused, told } from './call.ts'
import { type Problem, problem } from './problem.ts'
import type { CreateStep, RunwareScript } from './script.ts'
import { isUuidV4, promptIn, type TaskRequest, textIn } from './task-request.ts'
import { fittedTo, isAsyncByDefault, priceOf, roundUsd, type TaskType } from './task-types.ts'
import { type MediaState, validateTask } from './validate.ts'
import type { World } from './world.ts'

interface Wanted {
  readonly type: TaskType
  readonly request: TaskRequest
  readonly uuid: string
  readonly prompt: string
  readonly count: number
  readonly isAsync: boolean
}

/** Any task that generates something. */
export function createTask(context: RunwareContext, caller: Caller, given: TaskType, request: TaskRequest): Handled {
  const { world } = context
  const wanted = readWanted(given, request)
  const { uuid, prompt, type } = wanted
  const subject = { taskType: textIn(request, 'taskType'), taskUUID: request.taskUUID }
  if (!isUuidV4(request.taskUUID)) {
    const code = request.taskUUID === undefined ? 'missingTaskUUID' : 'invalidTaskUUID'
    return refused(problem(code, { parameter: 'taskUUID', type: 'string', ...subject }))
  }
  world.countRequest(uuid, prompt)
  world.watch.createStarted(caller.account.key, request)
  if (world.task(uuid)) return refused(conflict(subject))
  const script = chooseScript(world, type, request, prompt)
  if ('code' in script) return refused({ ...script, ...subject })
  if (script.refuseMs !== undefined) context.refuse(script.refuseMs)
  const step = script.create ?? {}
  const isAccepted = caller.isLost || (step.accept ?? (!step.problem && (step.http === undefined || step.http < 400)))
  const made = isAccepted ? accept(context, caller, wanted, script) : told()
  // A task that is refused on its own merits shows nothing of the script.
  if (made.errors.length > 0) return { ...made, errors: made.errors.map((error) => ({ ...error, ...subject })) }
  if (leavesOpen(step, isAccepted) || caller.isLost) world.watch.outcomeUnknown(caller.account.key, request)
  return bent(made, script, subject)
}

function readWanted(given: TaskType, request: TaskRequest): Wanted {
  const { numberResults, promptVersions, deliveryMethod } = request
  const results = given.name === 'promptEnhance' ? promptVersions : numberResults
  const isCount = typeof results === 'number' && Number.isInteger(results) && results > 0
  return {
    type: fittedTo(given, request),
    request,
    uuid: textIn(request, 'taskUUID'),
    prompt: promptIn(request),
    count: isCount ? Math.min(results, given.maxResults) : 1,
    isAsync: deliveryMethod === undefined ? isAsyncByDefault(given, request) : deliveryMethod === 'async',
  }
}

function conflict(subject: object): Problem {
  return problem('conflictTaskUUID', { parameter: 'taskUUID', ...subject })
}

function chooseScript(world: World, { name }: TaskType, request: TaskRequest, prompt: string): RunwareScript | Problem {
  try {
    return world.book.forTask({ taskType: name, model: textIn(request, 'model'), prompt, isGeneration: true })
  } catch (error) {
    if (!(error instanceof BadFault)) throw error
    return problem('invalidPositivePrompt', { parameter: 'positivePrompt', message: error.message })
  }
}

/** Whether the client cannot tell from the answer if there is a task now. */
function leavesOpen({ fate, http, body, data, problem }: CreateStep, isAccepted: boolean): boolean {
  if (!isAccepted) return http !== undefined && http >= 500
  const breaksOff = fate !== undefined && fate !== 'trickle'
  return breaksOff || http !== undefined || body !== undefined || data !== undefined || problem !== undefined
}

function accept(context: RunwareContext, caller: Caller, wanted: Wanted, script: RunwareScript): Handled {
  const { world, push } = context
  const { type, request, uuid, count, isAsync } = wanted
  if (context.validate) {
    const problems = validateTask(type, request, (media) => mediaState(world, media))
    if (problems.length > 0) return refused(...problems)
  }
  const { account } = caller
  const model = textIn(request, 'model')
  const cost = roundUsd(priceOf(type, request) * count)
  if (account.credits < cost) return refused(problem('insufficientCredits'))
  if (caller.isDryRun || script.create?.dryRun) {
    return told({ taskType: textIn(request, 'taskType'), taskUUID: request.taskUUID, cost })
  }
  if (world.isQueueFull(model)) return refused(problem('inferenceRateLimitExceeded'))
  const task = world.createTask({ ...wanted, account, script })
  const pushed = push.schedule(task)
  const hold = script.hook?.beforeAck ? { hold: pushed } : {}
  if (isAsync) return { ...told({ taskType: task.sentType, taskUUID: uuid }), ...hold }
  return { ...told(), waitsFor: task, ...hold }
}

/** An upload, or the output of an earlier task. */
function mediaState(world: World, uuid: string): MediaState {
  const { uploads } = world
  if (uploads.use(uuid) || world.assetNamed(uuid)) return 'usable'
  return uploads.isKnown(uuid) ? 'expired' : 'unknown'
}

/** The answer as the script wants it. */
function bent(made: Handled, script: RunwareScript, subject: { taskType: string; taskUUID: unknown }): Handled {
  const { accept: _, problem: spec, status, nameless, data, dryRun: __, ...reply } = script.create ?? {}
  const common = { reply, socket: script.socket }
  if (spec) {
    const error = problem(spec.code, { ...spec, ...(nameless ? { taskType: subject.taskType } : subject) })
    return { ...refused(error), ...common, status }
  }
  if (data === 'empty') return { ...told(), ...common }
  if (data === 'nameless' && !made.waitsFor) return { ...told({ taskType: subject.taskType }), ...common }
  return { ...made, ...common, isNameless: data === 'nameless' }
}
