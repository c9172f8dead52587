import type { Secret } from '@genqueue/contract'

const STARS = '*'.repeat(16)
const END_CHARS = 4
/** Shorter ones would give away too much of themselves by their ends. */
const MIN_CHARS_FOR_ENDS = 24

/** A key as it may be shown; says nothing of its length. */
export function maskedValue(secret: Secret): string {
  const value = secret.reveal()
  return value.length < MIN_CHARS_FOR_ENDS ? STARS : value.slice(0, END_CHARS) + STARS + value.slice(-END_CHARS)
}

/** Whether somebody sends back what was shown, of this key or another. No vendor's key holds a row of stars. */
export function looksMasked(text: string): boolean {
  return text.includes('********')
}
