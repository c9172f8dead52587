import { createHash } from 'node:crypto'
import { stringify } from 'yaml'

export type TemplateFunctions = Record<string, (...values: unknown[]) => unknown>

/** The functions of Go, Sprig and Helm that our chart uses, with their order of arguments. */
export const TEMPLATE_FUNCTIONS: TemplateFunctions = {
  add: (...numbers) => numbers.reduce<number>((sum, value) => sum + integer(value), 0),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  append: (items, value) => [...list(items), value],
  compact: (items) => list(items).filter(isTrue),
  concat: (...lists) => lists.flatMap(list),
  contains: (part, text) => textOf(text).includes(textOf(part)),
  default: (usual, value) => (isTrue(value) ? value : usual),
  dict: (...pairs) => {
    const entries: [string, unknown][] = []
    for (let at = 0; at < pairs.length; at += 2) entries.push([textOf(pairs[at]), pairs[at + 1]])
    return Object.fromEntries(entries)
  },
  div: (a, b) => Math.trunc(integer(a) / integer(b)),
  empty: (value) => !isTrue(value),
  eq: (a, b) => a === b,
  fail: (message) => {
    throw new Error(textOf(message))
  },
  first: (items) => list(items)[0],
  has: (value, items) => list(items).includes(value),
  hasKey: (items, key) => entries(items).has(textOf(key)),
  index: (items, ...keys) => keys.reduce((value, key) => entries(value).get(textOf(key)), items),
  join: (separator, items) => list(items).map(textOf).join(textOf(separator)),
  keys: (items) => [...entries(items).keys()],
  kindIs: (kind, value) => kind === 'string' && typeof value === 'string',
  list: (...values) => values,
  ne: (a, b) => a !== b,
  nindent: (spaces, text) => `\n${textOf(text).replaceAll(/^/gm, ' '.repeat(integer(spaces)))}`,
  not: (value) => !isTrue(value),
  omit: (items, ...names) => Object.fromEntries([...entries(items)].filter(([name]) => !names.includes(name))),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  printf: (format, ...values) => textOf(format).replaceAll('%s', () => textOf(values.shift())),
  quote: (value) => JSON.stringify(textOf(value)),
  replace: (from, to, text) => textOf(text).replaceAll(textOf(from), textOf(to)),
  required: (message, value) => {
    if (value === undefined || value === null || value === '') throw new Error(textOf(message))
    return value
  },
  sha256sum: (text) => createHash('sha256').update(textOf(text)).digest('hex'),
  sortAlpha: (items) => list(items).map(textOf).toSorted(),
  splitList: (separator, text) => textOf(text).split(textOf(separator)),
  ternary: (yes, no, condition) => (isTrue(condition) ? yes : no),
  toJson: (value) => goJson(value),
  toYaml: (value) =>
    stringify(value, { version: '1.1', sortMapEntries: true, lineWidth: 0, indentSeq: false }).trimEnd(),
  trim: (text) => textOf(text).trim(),
  trimSuffix: (suffix, text) => {
    const [whole, end] = [textOf(text), textOf(suffix)]
    return whole.endsWith(end) ? whole.slice(0, whole.length - end.length) : whole
  },
  trunc: (length, text) => textOf(text).slice(0, integer(length)),
}

export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** What Go prints; throws where that would surprise. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Math.abs(value) < 1e6) return String(value)
  if (typeof value === 'number') throw new Error(`${value} would become a float with an exponent; use toJson`)
  throw new Error(`${JSON.stringify(value)} is not a text`)
}

function integer(value: unknown): number {
  if (typeof value !== 'number') throw new Error(`${JSON.stringify(value)} is not a number`)
  return Math.trunc(value)
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is not a list`)
  return value
}

function entries(value: unknown): Map<string, unknown> {
  if (value === null || typeof value !== 'object') throw new Error(`${JSON.stringify(value)} is not a map`)
  return new Map(Object.entries(value))
}

/** With keys in order, and without the characters that Go escapes for HTML's sake. */
function goJson(value: unknown): string {
  const text = JSON.stringify(value ?? null, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
  return text.replaceAll(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`)
}
