import type { VendorBody } from './provider.ts'

/** Stands in a vendor body where the n-th stored input of the job belongs. */
export type InputPlace = { readonly $input: number }

const MAX_DEPTH = 200

/** The body with every `{"$input": n}` replaced by `values[n]`; the given body stays as it is. */
export function fillInputs(body: VendorBody, values: readonly string[]): VendorBody {
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, fill(value, values, 1)]))
}

function fill(value: unknown, values: readonly string[], depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  // The doors refuse JSON this deep; without the bound a record gone wrong would overflow the stack.
  if (depth > MAX_DEPTH) throw new RangeError(`A vendor body is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) return value.map((item) => fill(item, values, depth + 1))
  if (isInputPlace(value)) {
    const input = values[value.$input]
    if (input === undefined) throw new RangeError(`A vendor body asks for input ${value.$input} of ${values.length}`)
    return input
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, values, depth + 1)]))
}

function isInputPlace(value: object): value is InputPlace {
  return '$input' in value && Number.isInteger(value.$input) && Object.keys(value).length === 1
}
