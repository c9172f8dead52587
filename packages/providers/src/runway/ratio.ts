import { ProblemError } from '@genqueue/contract'
import type { RatioRule } from './models.ts'

/** A named aspect may differ this much from the size asked for: 1104x832 is 4:3, 1000x900 is nothing. */
const ASPECT_TOLERANCE = 0.05

/** The vendor's word for a size; without a rule only the form is checked and the size must be absent. */
export function ratioFor(model: string, size: string | undefined, rule: RatioRule | undefined): string | undefined {
  if (size === undefined) return rule?.default
  if (rule?.values?.includes(size)) return size
  const frame = parseSize(size)
  if (!frame) throw problem(`'${size.slice(0, 32)}' is not a size; write it as WIDTHxHEIGHT, for instance 1280x720`)
  if (!rule) throw problem(`${model} takes no size here; leave it out`)
  const ratio = `${frame.width}:${frame.height}`
  if (!rule.values || rule.values.includes(ratio)) return ratio
  const aspect = rule.style === 'aspect' ? nearestAspect(frame, rule.values) : undefined
  if (aspect) return aspect
  const offered = rule.values.map((value) => (rule.style === 'pixels' ? value.replace(':', 'x') : value))
  throw problem(`${model} does not make ${size.slice(0, 32)} here; it offers ${offered.join(', ')}`)
}

/** `1280:720` as OpenAI spells it; names of aspects have no pixels and stay away. */
export function sizeOf(ratio: string): string | null {
  const frame = parseSize(ratio)
  return frame && frame.width >= 64 ? `${frame.width}x${frame.height}` : null
}

type Frame = { width: number; height: number }

function parseSize(size: string): Frame | undefined {
  const [, width = '', height = ''] = /^(\d{1,5})[x:](\d{1,5})$/i.exec(size) ?? []
  const frame = { width: Number(width), height: Number(height) }
  return frame.width > 0 && frame.height > 0 ? frame : undefined
}

function nearestAspect(frame: Frame, names: readonly string[]): string | undefined {
  const asked = Math.log(frame.width / frame.height)
  const distances = names.flatMap((name) => {
    const aspect = parseSize(name)
    return aspect ? [{ name, distance: Math.abs(Math.log(aspect.width / aspect.height) - asked) }] : []
  })
  const [nearest] = distances.sort((a, b) => a.distance - b.distance)
  return nearest && nearest.distance <= ASPECT_TOLERANCE ? nearest.name : undefined
}

function problem(message: string): ProblemError {
  return new ProblemError('invalid_size', message, { param: 'size' })
}
