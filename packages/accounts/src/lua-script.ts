import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'

export type LuaScript = (redis: Redis, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>

/** A script that is sent by its hash, and whole when Redis does not know it. */
export function luaScript(source: string): LuaScript {
  const sha = hash('sha1', source, 'hex')
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return redis.eval(source, keys.length, ...keys, ...args)
    }
  }
}
