import type { VendorBody } from '../provider.ts'

/** What we put under `inputs` and what the caller did; where both name the same, the caller wins. */
export function mergeInputs(ours: VendorBody | undefined, callers: unknown): unknown {
  if (callers === undefined) return ours
  if (ours === undefined || typeof callers !== 'object' || callers === null || Array.isArray(callers)) return callers
  return { ...ours, ...callers }
}

export function withoutUndefined(body: VendorBody): VendorBody {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}
