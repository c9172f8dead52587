/** What gives a secret away by its shape, in texts that others wrote: a driver, a vendor, a parser. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\/\/[^\s/@]+@/g, '//[redacted]@'],
  [/\b(Bearer|Basic) +[^\s"',]{12,}/gi, '$1 [redacted]'],
  [/([?&][\w-]*(?:signature|credential|token|jwt|key|secret|password)[\w-]*=)[^&\s"']+/gi, '$1[redacted]'],
  [/\b(whsec|key|gq|sk|env)_[\w+/=-]{16,}/g, '$1_[redacted]'],
]

/** The last net: whoever writes a line keeps secrets out of it, and this takes away what slipped through anyway. */
export function scrub(text: string): string {
  return SHAPES.reduce((scrubbed, [shape, instead]) => scrubbed.replace(shape, instead), text)
}
