import { ProblemError } from '@genqueue/contract'

export type ParamPath = readonly (string | number)[]

const MAX_SHOWN_CHARS = 200
const MAX_KEY_CHARS = 512

/** A place in a body in the spelling of forms: `references[0][uri]`; cut where it is too long to show. */
export function formatPath(path: ParamPath): string {
  const text = path.map((key, index) => (index === 0 ? `${key}` : `[${key}]`)).join('')
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text
}

/**
 * Refuses names that would reach an object's prototype in somebody's careless merge, and `$input`, which stands for
 * what we stored ourselves.
 */
export function checkKey(key: string, parent: string | number | undefined, showParam: () => string): void {
  const hazardous = key === '__proto__' || (key === 'prototype' && parent === 'constructor')
  if (!hazardous && key !== '$input' && key.length <= MAX_KEY_CHARS) return
  const param = showParam()
  const why = key.length > MAX_KEY_CHARS ? `has a name of more than ${MAX_KEY_CHARS} characters` : 'has a reserved name'
  throw new ProblemError('invalid_request', `The parameter ${param} ${why}.`, { param })
}
