import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

type ScriptReply = {
  value: unknown
  /** Redis did not know the script (it was restarted or flushed), so the reply came later than commands sent after it. */
  reloaded: boolean
}

export type Script = (redis: Redis, keys: readonly string[], args: readonly (string | number)[]) => Promise<ScriptReply>

/** A Lua script of this package by its name; sent by hash, and whole when Redis does not know it. */
export function loadScript(name: string): Script {
  const source = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
  const sha = createHash('sha1').update(source).digest('hex')
  return async (redis, keys, args) => {
    try {
      return { value: await redis.evalsha(sha, keys.length, ...keys, ...args), reloaded: false }
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return { value: await redis.eval(source, keys.length, ...keys, ...args), reloaded: true }
    }
  }
}
