import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { z } from 'zod'

type ScriptReply = {
  value: unknown
  /** Redis did not know the script (it was restarted or flushed), so the reply came later than commands sent after it. */
  reloaded: boolean
}

export type Script = (redis: Redis, keys: readonly string[], args: readonly (string | number)[]) => Promise<ScriptReply>

/** What each connection has been told since it was opened: Redis may have been restarted between two of them. */
const told = new WeakMap<Redis, Set<string>>()

/**
 * Sends the script ahead of its first call on a connection. Messages that are sent along with a call would otherwise
 * come before what they are about, and one that is repeated while its worker still has it is dropped.
 */
function tell(redis: Redis, sha: string, source: string): void {
  let scripts = told.get(redis)
  if (!scripts) {
    const fresh = new Set<string>()
    redis.on('close', () => fresh.clear())
    told.set(redis, fresh)
    scripts = fresh
  }
  if (scripts.has(sha)) return
  scripts.add(sha)
  // If it fails, so does the call behind it.
  redis.script('LOAD', source).catch(() => {})
}

/** A line `-- include name` stands for the script of that name. */
function read(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}

/** Every script of this package, by the hash that Redis knows it by. */
const sources = new Map<string, string>()

/** Tells Redis the scripts that it has forgotten; whether it knows all of them now. */
export async function loadMissingScripts(redis: Redis): Promise<boolean> {
  const shas = [...sources.keys()]
  const known = z.array(z.number()).parse(await redis.script('EXISTS', ...shas))
  const missing = [...sources.values()].filter((_, index) => known[index] !== 1)
  const loaded = await Promise.all(missing.map((source) => redis.script('LOAD', source)))
  return loaded.every((sha) => typeof sha === 'string' && sources.has(sha))
}

/** A Lua script of this package by its name; sent by hash, and whole when Redis does not know it. */
export function loadScript(name: string): Script {
  const source = read(name).replace(/^-- include (\S+)$/gm, (_, part: string) => read(part))
  const sha = createHash('sha1').update(source).digest('hex')
  sources.set(sha, source)
  return async (redis, keys, args) => {
    tell(redis, sha, source)
    try {
      return { value: await redis.evalsha(sha, keys.length, ...keys, ...args), reloaded: false }
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return { value: await redis.eval(source, keys.length, ...keys, ...args), reloaded: true }
    }
  }
}
