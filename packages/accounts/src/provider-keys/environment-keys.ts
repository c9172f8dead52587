import { isDeepStrictEqual } from 'node:util'
import { ProblemError, type ProviderKeyInput } from '@genqueue/contract'
import { environmentKeyResource, isEnvironmentId } from './provider-resource.ts'
import type { EnvironmentKeys, KeyFault } from './provider-settings.ts'

/**
 * The keys that are to be stored, each with its place in the request. Keys of the environment may stand among them as
 * they were shown, so that a whole answer can be sent back; changed ones are refused.
 */
export function passEnvironmentKeys(
  inputs: readonly ProviderKeyInput[],
  environment: EnvironmentKeys[KeyFault['provider']],
): { input: ProviderKeyInput; index: number }[] {
  const shown = environment.map(environmentKeyResource)
  return inputs
    .map((input, index) => ({ input, index }))
    .filter(({ input, index }) => {
      if (input.id === undefined || !isEnvironmentId(input.id)) return true
      const known = shown.find(({ id }) => id === input.id)
      if (known !== undefined && isDeepStrictEqual(settable(input), settable(known))) return false
      throw refuseEnvironmentKey(`keys[${index}]`, known?.name ?? input.name)
    })
}

export function refuseEnvironmentKey(param: string, name: string): ProblemError {
  const message = `${name} comes from the environment of the service; it is changed there and cannot be changed here`
  return new ProblemError('not_supported', message, { param })
}

function settable(key: Omit<ProviderKeyInput, 'id'>) {
  const { name, value, models, blacklisted_models, aliases, weight, enabled } = key
  return { name, value, models, blacklisted_models, aliases: { ...aliases }, weight, enabled }
}
