import { checkValue, type ValueLimits } from './check-value.ts'
import { DEFAULT_INTAKE_LIMITS } from './intake-limits.ts'

/** What the text of a field stands for. `text` holds for everything below the field too. */
type FormType = 'text' | 'number' | 'integer' | 'boolean' | 'json'
/** Types by field, in the spelling of forms and with empty brackets for list items: `references[][weight]`. */
export type FormShape = Readonly<Record<string, FormType>>

/** Never anything but text, whatever it looks like. */
const ALWAYS_TEXT: FormShape = { model: 'text', prompt: 'text', seconds: 'text', size: 'text', metadata: 'text' }
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * Gives a form's text the types that JSON would have had. Fields without a type become numbers or booleans where their
 * text is exactly that; text that does not fit its type stays text, for the schema to refuse by name.
 */
export function coerceForm(
  value: Readonly<Record<string, unknown>>,
  shape: FormShape,
  limits: ValueLimits = DEFAULT_INTAKE_LIMITS,
): Record<string, unknown> {
  const types = new Map(Object.entries({ ...shape, ...ALWAYS_TEXT }))
  const coerce = (node: unknown, path: string): unknown => {
    const type = types.get(path)
    if (type === 'text') return node
    if (typeof node === 'string') return type === undefined ? guess(node) : convert(node, type, limits)
    if (Array.isArray(node)) return node.map((item) => coerce(item, `${path}[]`))
    if (typeof node !== 'object' || node === null || '$input' in node) return node
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, coerce(item, `${path}[${key}]`)]))
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coerce(item, key)]))
}

function guess(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return toNumber(text) ?? text
}

function convert(text: string, type: Exclude<FormType, 'text'>, limits: ValueLimits): unknown {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (type === 'json') return parseJson(text, limits)
  const number = toNumber(text)
  return number === undefined || (type === 'integer' && !Number.isInteger(number)) ? text : number
}

/** Undefined also for a number that JavaScript could only hold changed. */
function toNumber(text: string): number | undefined {
  if (!JSON_NUMBER.test(text)) return undefined
  const number = Number(text)
  const isHeld = Number.isInteger(number) ? Number.isSafeInteger(number) : Number.isFinite(number)
  return isHeld ? number : undefined
}

function parseJson(text: string, limits: ValueLimits): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) checkValue(value, limits)
    return value
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}
