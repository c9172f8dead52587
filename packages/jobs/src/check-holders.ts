import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { loadScript } from './script.ts'

const checkHolders = loadScript('check-holders')

const AT_VENDOR = 'submitting,ambiguous,submitted'
const HELD_IN = { slots: `,${AT_VENDOR},`, users: `,${AT_VENDOR},generated,` }
const BATCH = 500

/** Frees slots and keys that are held in the name of jobs whose records know nothing of it. Returns how many were. */
export async function freeLostHolders({ redis, keys }: { redis: Redis; keys: Keys }): Promise<number> {
  let freed = 0
  for (const holder of await redis.smembers(keys.holders)) {
    const [kind, keyId = ''] = holder.split(':')
    const heldIn = HELD_IN[kind === 'users' ? 'users' : 'slots']
    let cursor = '0'
    do {
      const [next, ids] = await redis.sscan(`${keys.prefix}:${holder}`, cursor, 'COUNT', BATCH)
      const { value } = await checkHolders(redis, [], [keys.prefix, holder, keyId, heldIn, ...ids])
      freed += Number(value)
      cursor = next
    } while (cursor !== '0')
  }
  return freed
}
