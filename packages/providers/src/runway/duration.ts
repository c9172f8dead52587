import { ProblemError } from '@genqueue/contract'
import type { DurationRule } from './models.ts'

/** OpenAI's `seconds` (text) as the vendor's `duration`; without a rule it must be absent. */
export function durationFor(
  model: string,
  seconds: string | undefined,
  rule: DurationRule | undefined,
): number | 'auto' | undefined {
  if (seconds === undefined) return rule?.default
  if (!rule) throw problem(`${model} takes no duration here; leave seconds out`)
  if (seconds === 'auto' && rule.auto) return 'auto'
  const duration = /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) : Number.NaN
  if (duration > 0 && isAllowed(duration, rule)) return duration
  throw problem(`'${seconds.slice(0, 16)}' is no duration of ${model}; it takes ${allowed(rule)}`)
}

function isAllowed(duration: number, { values, min, max }: DurationRule): boolean {
  if (values) return values.includes(duration)
  if (min === undefined || max === undefined) return true
  return Number.isInteger(duration) && duration >= min && duration <= max
}

function allowed({ values, min, max, auto }: DurationRule): string {
  const orAuto = auto ? ', or auto' : ''
  if (values) return `${values.join(', ')} (seconds)${orAuto}`
  if (min === undefined || max === undefined) return `a positive number of seconds${orAuto}`
  return `a whole number of seconds from ${min} to ${max}${orAuto}`
}

function problem(message: string): ProblemError {
  return new ProblemError('invalid_seconds', message, { param: 'seconds' })
}
