import type { VendorBody } from '../provider.ts'

/** Cheap enough to ask of every answer; seeds of more than 53 bits are rare. */
const MAY_HOLD_BIG_INTEGER = /\d{16}/

/** Throws where the text is not JSON. Whole numbers that a double cannot hold come out as their text. */
export function parseJson(text: string): unknown {
  if (!MAY_HOLD_BIG_INTEGER.test(text)) return JSON.parse(text)
  const reviver = (_key: string, value: unknown, context: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? '')
      ? context.source
      : value
  // The third argument of a reviver is younger than the compiler's own library.
  return Reflect.apply(JSON.parse, JSON, [text, reviver])
}

/** A request is always an array. A seed may be given as text, because JSON's numbers are larger than ours. */
export function writeTasks(tasks: readonly VendorBody[]): string {
  return `[${tasks.map(writeTask).join(',')}]`
}

function writeTask({ seed, ...rest }: VendorBody): string {
  if (typeof seed !== 'string' || !/^[1-9]\d{0,18}$/.test(seed)) return JSON.stringify({ ...rest, seed })
  const text = JSON.stringify(rest)
  return text === '{}' ? `{"seed":${seed}}` : `{"seed":${seed},${text.slice(1)}`
}
