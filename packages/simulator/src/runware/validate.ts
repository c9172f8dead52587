import { seedOf } from './exact-json.ts'
import { modelOf } from './models.ts'
import { REQUIRED, type Rule, rulesOf } from './parameters.ts'
import { type Problem, problem } from './problem.ts'
import { isRecord, isUuidV4, promptIn, type TaskRequest, textIn } from './task-request.ts'
import type { TaskType } from './task-types.ts'

/** How the provider knows a UUID that stands for an image or a video. */
export type MediaState = 'usable' | 'expired' | 'unknown'

const AIR = /^[\w-]+:[\w.-]+@[\w.-]+$/
const MAX_SEED = 2n ** 63n - 1n

/** Everything that is wrong with a task, one error per parameter. */
export function validateTask(
  type: TaskType,
  request: TaskRequest,
  mediaState: (uuid: string) => MediaState,
): Problem[] {
  const rules = rulesOf(type)
  const problems: Problem[] = []
  for (const [name, value] of Object.entries(request)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (!rule) problems.push(problem('unknownParameter', { parameter: name }))
    else if (!fits(rule, value)) problems.push(outOfRule(name, rule))
  }
  for (const names of REQUIRED[type.name] ?? []) {
    const [first = ''] = names
    if (names.every((name) => request[name] === undefined)) {
      problems.push(problem(`missing${capitalized(first)}`, { parameter: names.length > 1 ? names : first }))
    }
  }
  if (problems.length > 0) return problems
  return [...modelProblems(type, request), ...mediaProblems(request, mediaState)]
}

function fits(rule: Rule, value: unknown): boolean {
  switch (rule.type) {
    case 'string':
      return typeof value === 'string' && value.length >= (rule.min ?? 0) && value.length <= (rule.max ?? value.length)
    case 'integer':
      return isWithin(rule, value) && Number.isInteger(value) && Number(value) % (rule.multipleOf ?? 1) === 0
    case 'float':
      return isWithin(rule, value)
    case 'seed': {
      const seed = seedOf(value)
      return seed !== undefined && seed >= 1n && seed <= MAX_SEED
    }
    case 'boolean':
      return typeof value === 'boolean'
    case 'object':
      return isRecord(value)
    case 'array':
      return Array.isArray(value) && value.length <= (rule.max ?? value.length)
    case 'choice':
      return typeof value === 'string' && rule.of.some((choice) => choice.toLowerCase() === value.toLowerCase())
    case 'url':
      return typeof value === 'string' && /^https?:/.test(value) && URL.canParse(value)
    default:
      return typeof value === 'string' && value !== ''
  }
}

function isWithin({ min, max }: { min: number; max: number }, value: unknown): boolean {
  return typeof value === 'number' && value >= min && value <= max
}

function outOfRule(name: string, rule: Rule): Problem {
  const code = `${rule.type === 'choice' ? 'unsupported' : 'invalid'}${capitalized(name)}`
  const range = 'min' in rule ? { min: rule.min, max: rule.max } : {}
  const choices = rule.type === 'choice' ? { allowedValues: rule.of } : {}
  const type = rule.type === 'choice' || rule.type === 'url' || rule.type === 'media' ? 'string' : rule.type
  return problem(code, { parameter: name, type: type === 'seed' ? 'integer' : type, ...range, ...choices })
}

function modelProblems(type: TaskType, request: TaskRequest): Problem[] {
  const air = textIn(request, 'model')
  if (air !== '' && !AIR.test(air)) return [problem('invalidModel', { parameter: 'model', type: 'string' })]
  const { durations, flatFrames } = modelOf(air)
  const problems: Problem[] = []
  if (type.name === 'imageInference') problems.push(...dimensionProblems(request), ...outpaintProblems(request))
  if (type.name === 'imageInference' && promptIn(request) === '' && !hasMediaInput(request)) {
    problems.push(problem('missingPositivePrompt', { parameter: 'positivePrompt', type: 'string' }))
  }
  if (type.name !== 'videoInference') return problems
  const { duration, frameImages } = request
  if (durations && typeof duration === 'number' && !durations.includes(duration)) {
    problems.push(problem('unsupportedDuration', { parameter: 'duration', type: 'float', allowedValues: durations }))
  }
  if (frameImages !== undefined && !flatFrames) {
    problems.push(problem('unsupportedParameter', { parameter: 'frameImages', type: 'array' }))
  }
  if (isWithoutSize(request) && !hasMediaInput(request)) {
    problems.push(
      problem('missingDimensionParameters', { parameter: ['width', 'height', 'frameImages'], type: 'integer|array' }),
    )
  }
  return problems
}

function dimensionProblems(request: TaskRequest): Problem[] {
  if (isWithoutSize(request)) {
    if (hasMediaInput(request) && request.outpaint === undefined) return []
    const parameter = ['width', 'height', 'referenceImages']
    return [problem('missingDimensionParameters', { parameter, type: 'integer|array' })]
  }
  const { step, maxSide } = modelOf(textIn(request, 'model'))
  return ['width', 'height'].flatMap((name) => {
    const side = request[name]
    if (side === undefined) return []
    const isGood = typeof side === 'number' && side >= 128 && side <= maxSide && side % step === 0
    const fields = { parameter: name, type: 'integer', min: 128, max: maxSide, multipleOf: step }
    return isGood ? [] : [problem(`invalid${capitalized(name)}`, fields)]
  })
}

function outpaintProblems({ outpaint }: TaskRequest): Problem[] {
  if (!isRecord(outpaint)) return []
  const { blur = 0, ...sides } = outpaint
  const isSide = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) % 64 === 0
  const isGood = Object.values(sides).every(isSide) && isWithin({ min: 0, max: 32 }, blur)
  return isGood ? [] : [problem('invalidOutpaint', { parameter: 'outpaint', type: 'object', multipleOf: 64 })]
}

function isWithoutSize({ width, height, resolution }: TaskRequest): boolean {
  return (width === undefined || height === undefined) && resolution === undefined
}

const MEDIA_FIELDS: ReadonlySet<string> = new Set(
  'seedImage maskImage inputImage image images video videos seedVideo frameImages referenceImages referenceVideos guideImage mask references'.split(
    ' ',
  ),
)

function hasMediaInput(request: TaskRequest): boolean {
  return Object.entries(request).some(
    ([name, value]) => MEDIA_FIELDS.has(name) || (name === 'inputs' && isRecord(value) && hasMediaInput(value)),
  )
}

const CONTAINERS: ReadonlySet<string> = new Set(['inputs', 'controlNet', 'ipAdapters'])

function mediaProblems(request: TaskRequest, stateOf: (uuid: string) => MediaState): Problem[] {
  return Object.entries(request).flatMap(([name, value]) => {
    if (MEDIA_FIELDS.has(name) || CONTAINERS.has(name)) return mediaIn(name, value, name, stateOf)
    return []
  })
}

/** Looks through lists and objects, but at text only where a field holds media. */
function mediaIn(field: string, value: unknown, path: string, stateOf: (uuid: string) => MediaState): Problem[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => mediaIn(field, item, `${path}[${index}]`, stateOf))
  if (isRecord(value)) {
    return Object.entries(value).flatMap(([name, inner]) => mediaIn(name, inner, `${path}.${name}`, stateOf))
  }
  if (typeof value !== 'string' || !MEDIA_FIELDS.has(field)) return []
  if (isUuidV4(value)) {
    const state = stateOf(value)
    if (state === 'usable') return []
    return [problem(state === 'expired' ? 'mediaExpired' : `invalid${capitalized(field)}`, { parameter: path })]
  }
  const isMedia = /^https?:\/\//.test(value) ? URL.canParse(value) : isInlineMedia(value)
  return isMedia ? [] : [problem(`invalid${capitalized(field)}`, { parameter: path, type: 'string' })]
}

function isInlineMedia(value: string): boolean {
  return /^(data:[\w.+/-]+;base64,)?[A-Za-z0-9+/]{16,}={0,2}$/.test(value)
}

function capitalized(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`
}
