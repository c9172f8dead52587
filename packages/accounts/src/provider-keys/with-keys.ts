import { ProblemError } from '@genqueue/contract'
import type { ProviderDocument, RetiredValue, StoredKey } from './provider-document.ts'

type Keys = Pick<ProviderDocument, 'keys' | 'retired'>

const MAX_KEYS = 64
const MAX_RETIRED = 256

/**
 * The document's keys replaced by these. Every value that goes is retired, not dropped: a process may just be
 * submitting with it. `gone` are the values that were retired now.
 */
export function withKeys(
  before: Keys,
  keys: readonly StoredKey[],
  { nowMs, paramOf }: { nowMs: number; paramOf: (index: number, field: string) => string },
): Keys & { gone: readonly RetiredValue[] } {
  if (keys.length > MAX_KEYS) {
    const message = `A provider has at most ${MAX_KEYS} keys; delete one first`
    throw new ProblemError('invalid_request', message, { param: 'keys' })
  }
  checkDistinct(keys, paramOf)
  const isActive = (stored: Pick<StoredKey, 'value' | 'fingerprint' | 'masked'>) =>
    keys.some((key) => key.value === stored.value || isSameLiteral(key, stored))
  const gone = before.keys.filter((key) => !isActive(key)).map((key) => retired(key, nowMs))
  const kept = before.retired.filter((value) => !isActive(value) && !gone.some((now) => isSameValue(now, value)))
  if (kept.length + gone.length > MAX_RETIRED) {
    throw new ProblemError(
      'in_use',
      `${MAX_RETIRED} replaced values are still kept for running jobs; wait for some to end`,
    )
  }
  return { keys: [...keys], retired: [...kept, ...gone], gone }
}

function checkDistinct(keys: readonly StoredKey[], paramOf: (index: number, field: string) => string): void {
  for (const [index, key] of keys.entries()) {
    for (const earlier of keys.slice(0, index)) {
      if (earlier.name === key.name) {
        const param = paramOf(index, 'name')
        throw new ProblemError('already_exists', `${param} is taken: there is another key called ${key.name}`, {
          param,
        })
      }
      if (isSameValue(earlier, key)) {
        const param = paramOf(index, 'value')
        throw new ProblemError('already_exists', `${param} is the value of the key ${earlier.name}`, { param })
      }
    }
  }
}

function retired({ id, name, value, fingerprint, masked }: StoredKey, nowMs: number): RetiredValue {
  return { keyId: id, name, value, fingerprint, masked, retiredAtMs: nowMs }
}

/** Whether they hold one value, however it is sealed. */
export function isSameValue(a: Pick<StoredKey, 'value' | 'fingerprint' | 'masked'>, b: typeof a): boolean {
  return a.value === b.value || isSameLiteral(a, b)
}

// What a reference stands for may differ between processes, so only literals are alike by their fingerprint.
function isSameLiteral(a: Pick<StoredKey, 'fingerprint' | 'masked'>, b: typeof a): boolean {
  return a.masked !== undefined && b.masked !== undefined && a.fingerprint === b.fingerprint
}
