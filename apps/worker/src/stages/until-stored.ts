import { setTimeout as delay } from 'node:timers/promises'
import { backoffMs } from '../pace.ts'
import type { SubmitDeps } from './submit-deps.ts'

const MAX_DELAY_MS = 250
/** About a minute. */
const MAX_TRIES = 240

/**
 * Redis may refuse to write (its memory or disk is full) just when a create was answered. What is forgotten then is a
 * task that was paid for, so the answer is written again until it is taken. `store` may run more than once.
 */
export async function untilStored<Value>(
  store: () => Promise<Value>,
  { random, handBack }: Pick<SubmitDeps, 'random' | 'handBack'>,
): Promise<Value> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await store()
    } catch (error) {
      if (tries === MAX_TRIES || handBack.aborted) throw error
    }
    await delay(backoffMs(tries, 50, MAX_DELAY_MS, random()), undefined, { signal: handBack }).catch(() => {})
  }
}
