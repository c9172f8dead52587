import { parseJson } from '../exchange.ts'

/** JSON numbers beyond 2^53 lose digits; a seed may have 19 of them and is therefore carried as this text. */
export type ExactSeed = `int:${string}`

// Inside a JSON string every quote has a backslash before it, so these match keys only.
const LONG_SEED = /("seed"\s*:\s*)(-?\d{16,})(?=\s*[,}\]])/g
const EXACT_SEED = /"seed":"int:(-?\d+)"/g

/** Undefined when the text is not JSON. */
export function parseExactJson(text: string): unknown {
  return parseJson(text.replace(LONG_SEED, '$1"int:$2"'))
}

export function encodeExactJson(value: unknown): string {
  return JSON.stringify(value).replace(EXACT_SEED, '"seed":$1')
}

/** The seed as a whole number; undefined for anything else. */
export function seedOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  const digits = typeof value === 'string' ? /^int:(-?\d{16,})$/.exec(value)?.[1] : undefined
  return digits === undefined ? undefined : BigInt(digits)
}

/** What stands for the seed in a value that is still to be encoded. */
export function encodableSeed(seed: bigint): number | ExactSeed {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : `int:${seed}`
}
