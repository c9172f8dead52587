import { Secret } from '@genqueue/contract'
import { z } from 'zod'
import type { EnvironmentKeys } from './provider-settings.ts'

type ListedKey = { key: Secret; weight: number }

/** `key` or `key@weight`, separated by commas: several keys share the work by weight; 0 only finishes what it has. */
export const EnvironmentKeyList = z.string().transform((text, context): ListedKey[] =>
  text.split(',').flatMap((entry) => {
    const [key = '', weight = '1'] = entry.trim().split('@')
    if (key === '' || !(Number(weight) >= 0)) {
      context.addIssue('is not a list of key or key@weight, separated by commas')
      return []
    }
    return [{ key: new Secret(key), weight: Number(weight) }]
  }),
)

/** Which variables `env.NAME` may name. */
export const KeyReferencePattern = z
  .string()
  .default('^(RUNWAY|RUNWARE|PROVIDER)_[A-Z0-9_]+$')
  .transform((text, context) => {
    try {
      return new RegExp(text)
    } catch {
      context.addIssue('is not a regular expression')
      return z.NEVER
    }
  })

/** The keys of RUNWAY_API_KEY and RUNWARE_API_KEY, named as they are shown. */
export function environmentKeys(listed: {
  runway: readonly ListedKey[] | undefined
  runware: readonly ListedKey[] | undefined
}): EnvironmentKeys {
  const named = (variable: string, keys: readonly ListedKey[] = []) =>
    keys.map(({ key, weight }, index) => {
      return { name: index === 0 ? variable : `${variable} ${index + 1}`, value: key, weight }
    })
  return { runway: named('RUNWAY_API_KEY', listed.runway), runware: named('RUNWARE_API_KEY', listed.runware) }
}
