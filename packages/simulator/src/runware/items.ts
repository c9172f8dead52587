import { encodableSeed } from './exact-json.ts'
import type { RunwareOutputs } from './outputs.ts'
import { type Problem, problem } from './problem.ts'
import type { Generation, Task } from './task.ts'
import { isRecord, textIn } from './task-request.ts'

/** Results and errors of some generations, as they stand in an answer. */
export interface Items {
  readonly data: object[]
  readonly errors: Problem[]
}

/** Results as a waiting request gets them, which have no status. */
export function syncItems(task: Task, outputs: RunwareOutputs): Items {
  const items: Items = { data: [], errors: [] }
  for (const generation of task.generations) addFinished(items, task, generation, outputs, false)
  return items
}

/** Adds what became of a finished generation. */
export function addFinished(
  { data, errors }: Items,
  task: Task,
  generation: Generation,
  outputs: RunwareOutputs,
  hasStatus: boolean,
): void {
  const { spec } = generation
  if (spec.status !== 'error') {
    const item = successItem(task, generation, outputs, hasStatus)
    for (let copy = 0; copy < (spec.copies ?? 1); copy += 1) data.push(item)
  } else if (spec.encoding === 'item') {
    const { code, message } = failureOf(generation)
    data.push({ ...subject(task, generation), status: spec.word ?? 'error', error: { code, message, ...spec.fields } })
  } else {
    const fields = { status: spec.word ?? 'error', ...subject(task, generation), ...spec.fields }
    errors.push({ ...failureOf(generation), ...fields })
  }
}

export function processingItem(task: Task, word: string, progress: number | null): object {
  const { sentType, uuid } = task
  return { taskType: sentType, taskUUID: uuid, status: word, ...(progress === null ? {} : { progress }) }
}

/** What a webhook says of a finished generation: one flat object. */
export function flatItem(task: Task, generation: Generation, outputs: RunwareOutputs): object {
  if (generation.spec.status !== 'error') return successItem(task, generation, outputs, true)
  const { code, message } = failureOf(generation)
  return { ...subject(task, generation), status: 'error', code, message }
}

export function textOf({ type, request, uuid }: Task, index: number): string {
  if (type.name === 'promptEnhance') return `${textIn(request, 'prompt')}, in fine detail (${index + 1}, ${uuid})`
  return `A picture of something, described for ${uuid} (${index + 1})`
}

function successItem(task: Task, generation: Generation, outputs: RunwareOutputs, hasStatus: boolean): object {
  const { request, type } = task
  const { spec, uuid, seed, chargeUsd } = generation
  const item: Record<string, unknown> = subject(task, generation)
  if (hasStatus && !spec.omitStatus) item.status = spec.word ?? 'success'
  if (type.field !== '') item[`${type.field}UUID`] = uuid
  if (!spec.omitAsset) addAsset(item, task, generation, outputs)
  if (type.extras.includes('inputImageUUID')) item.inputImageUUID = inputUuidOf(task, outputs)
  if (type.extras.includes('detections')) item.detections = [{ x_min: 1, y_min: 1, x_max: 6, y_max: 6 }]
  if (type.extras.includes('seed')) item.seed = encodableSeed(seed)
  const asksSafety = request.checkNSFW === true || (isRecord(request.safety) && request.safety.checkContent === true)
  if (spec.nsfw !== undefined || asksSafety) item.NSFWContent = spec.nsfw ?? false
  if (request.includeCost === true && spec.cost !== null) item.cost = spec.cost ?? chargeUsd ?? 0
  return item
}

function addAsset(item: Record<string, unknown>, task: Task, generation: Generation, outputs: RunwareOutputs): void {
  const { type, request } = task
  if (type.media === 'text') {
    item.text = textOf(task, generation.index)
  } else if (type.media === '3d') {
    item.outputs = { files: [{ uuid: generation.uuid, url: outputs.urlOf(task, generation) }] }
  } else if (request.outputType === 'base64Data' || request.outputType === 'dataURI') {
    const { bytes, contentType } = outputs.expected(task, generation.index)
    const base64 = bytes.toString('base64')
    if (request.outputType === 'base64Data') item[`${type.field}Base64Data`] = base64
    else item[`${type.field}DataURI`] = `data:${contentType};base64,${base64}`
  } else {
    item[`${type.field}URL`] = outputs.urlOf(task, generation)
  }
}

function failureOf({ spec }: Generation): Problem {
  return problem(spec.code ?? 'providerError', spec.message === undefined ? {} : { message: spec.message })
}

function subject({ sentType, uuid }: Task, { spec }: Generation): Record<string, unknown> {
  return { taskType: spec.taskType ?? sentType, taskUUID: uuid }
}

/** Inputs that came as anything but a UUID have been given one. */
function inputUuidOf({ request, uuid }: Task, outputs: RunwareOutputs): string {
  const given = textIn(request, 'inputImage') || (isRecord(request.inputs) ? textIn(request.inputs, 'image') : '')
  return /^[0-9a-f-]{36}$/.test(given) ? given : outputs.inputUuid(uuid)
}
