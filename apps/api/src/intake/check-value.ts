import { ProblemError } from '@genqueue/contract'
import { isDataUri } from './data-uri.ts'
import type { IntakeLimits } from './intake-limits.ts'
import { checkKey, formatPath, type ParamPath } from './param-path.ts'

type Holder = Record<string | number, unknown>
/** Where in a value a text stands. */
export type TextPlace = { readonly text: string; readonly param: string; replace(value: unknown): void }
export type ValueLimits = Pick<IntakeLimits, 'maxDepth' | 'maxKeys' | 'maxArray' | 'maxStringChars'>
type Frame = {
  holder: Holder
  isArray: boolean
  depth: number
  parent: Frame | undefined
  key: string | number | undefined
}

/**
 * Holds a parsed value to the limits, without recursion: the parser takes a million levels, and whatever walks them
 * afterwards runs out of stack. Returns the data URIs in it, which have a limit of their own.
 */
export function checkValue(value: object, limits: ValueLimits): TextPlace[] {
  const frames: Frame[] = [frameOf(value, undefined, undefined)]
  const dataUris: TextPlace[] = []
  let keyCount = 0
  for (const frame of frames) {
    const keys = Object.keys(frame.holder)
    checkSize(frame, keys.length, limits)
    if (!frame.isArray) keyCount += keys.length
    if (keyCount > limits.maxKeys) throw invalid(`The body holds more than ${limits.maxKeys} parameters.`)
    for (const key of keys) {
      const item = frame.holder[key]
      if (!frame.isArray) checkKey(key, frame.key, () => formatPath(pathOf(frame, key)))
      if (typeof item === 'object' && item !== null) frames.push(frameOf(item, frame, key))
      if (typeof item === 'string' && isDataUri(item)) {
        const replace = (replacement: unknown) => {
          frame.holder[key] = replacement
        }
        dataUris.push({ text: item, param: formatPath(pathOf(frame, key)), replace })
      } else if (typeof item === 'string') checkText(item, () => formatPath(pathOf(frame, key)), limits)
    }
  }
  return dataUris
}

/** Refuses a text that is longer than any parameter may be. */
export function checkText(text: string, showParam: () => string, { maxStringChars }: ValueLimits): void {
  if (text.length <= maxStringChars) return
  const param = showParam()
  throw invalid(`The parameter ${param} is longer than ${maxStringChars} characters.`, param)
}

function checkSize(frame: Frame, length: number, { maxDepth, maxArray }: ValueLimits): void {
  if (frame.depth > maxDepth) {
    throw new ProblemError('json_too_deep', `The JSON is nested deeper than ${maxDepth} levels.`)
  }
  if (!frame.isArray || length <= maxArray) return
  const param = formatPath(pathOf(frame))
  throw invalid(`The list ${param} holds more than ${maxArray} items.`, param)
}

function frameOf(value: object, parent: Frame | undefined, key: string | number | undefined): Frame {
  // What JSON.parse makes is either an array or a plain object, and both are read by their own keys only.
  const holder = value as Holder
  return { holder, isArray: Array.isArray(value), depth: (parent?.depth ?? 0) + 1, parent, key }
}

function pathOf(frame: Frame, ...end: ParamPath): ParamPath {
  const path: (string | number)[] = [...end]
  for (let at: Frame | undefined = frame; at !== undefined; at = at.parent) {
    if (at.key !== undefined) path.unshift(at.key)
  }
  return path
}

function invalid(message: string, param?: string): ProblemError {
  return new ProblemError('invalid_request', message, { param })
}
