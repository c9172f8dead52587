import { Limits, TeamId } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { type AccountChanges, accountChannel } from '../account-changes.ts'
import { Allowed } from '../api-keys/api-key-record.ts'
import { FreshCache } from '../fresh-cache.ts'
import { luaScript } from '../lua-script.ts'

export const TeamRecord = z.object({
  id: TeamId,
  name: z.string().optional(),
  limits: Limits,
  allowed: Allowed,
  createdAtMs: z.number().optional(),
})
export type TeamRecord = z.infer<typeof TeamRecord>
export type TeamSettings = Pick<TeamRecord, 'name' | 'limits' | 'allowed'>

const MAX_ATTEMPTS = 20

/**
 * KEYS: teams, index of the team's keys. ARGV: id, the record as it was read, as it is to be ('' for none), channel.
 * Answers 1, 0 when somebody else was quicker, -1 when a team that is to go has keys.
 */
const SAVE = luaScript(`
local id, before, after = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 0 end
if after == '' then
  if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
  redis.call('HDEL', KEYS[1], id)
else
  redis.call('HSET', KEYS[1], id, after)
end
redis.call('PUBLISH', ARGV[4], id)
return 1`)

export type TeamsDeps = {
  redis: Redis
  prefix: string
  /** Teams that are there without having been made. */
  environmentTeams: readonly string[]
  changes: Pick<AccountChanges, 'isHearing' | 'onChange'>
  now?: () => number
}

/** The teams and their settings; what requests need of them is kept in the process for a moment. */
export class Teams {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #environmentTeams: ReadonlySet<string>
  readonly #cache: FreshCache<TeamRecord>
  readonly #now: () => number

  constructor({ redis, prefix, environmentTeams, changes, now = Date.now }: TeamsDeps) {
    this.#redis = redis
    this.#prefix = prefix
    this.#environmentTeams = new Set(environmentTeams)
    this.#now = now
    const load = async (id: string) => (await this.get(id)) ?? empty(id)
    this.#cache = new FreshCache({ load, isHearing: () => changes.isHearing, now })
    changes.onChange((id) => (id === undefined ? this.#cache.clear() : this.#cache.drop(id)))
  }

  isOfEnvironment(id: string): boolean {
    return this.#environmentTeams.has(id)
  }

  /** What holds for a team's requests, as of a moment ago. */
  async settings(id: string): Promise<TeamSettings> {
    return (await this.#cache.get(id)) ?? empty(id)
  }

  async get(id: string): Promise<TeamRecord | undefined> {
    const record = parseRecord(await this.#redis.hget(this.#teams, id))
    return record ?? (this.isOfEnvironment(id) ? empty(id) : undefined)
  }

  async list(): Promise<TeamRecord[]> {
    const made = (await this.#redis.hvals(this.#teams)).flatMap((text) => parseRecord(text) ?? [])
    const known = new Set(made.map(({ id }) => id))
    const others = [...this.#environmentTeams].filter((id) => !known.has(id)).map(empty)
    return [...made, ...others].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Undefined when there is one. */
  async create(id: string, settings: TeamSettings): Promise<TeamRecord | undefined> {
    if (this.isOfEnvironment(id)) return undefined
    const record = TeamRecord.parse({ ...settings, id, createdAtMs: this.#now() })
    return (await this.#save(id, '', record)) === 'saved' ? record : undefined
  }

  /** Undefined when there is none. */
  async update(id: string, change: (settings: TeamSettings) => TeamSettings): Promise<TeamRecord | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const text = await this.#redis.hget(this.#teams, id)
      const before = parseRecord(text) ?? (this.isOfEnvironment(id) ? empty(id) : undefined)
      if (!before) return undefined
      const { name: _, ...kept } = before
      const record = { ...kept, ...change(before) }
      if ((await this.#save(id, text ?? '', record)) === 'saved') return record
    }
    throw new Error('A team changes faster than it can be written')
  }

  /** A team that has keys stays. */
  async remove(id: string): Promise<'removed' | 'has_keys' | 'missing'> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const text = await this.#redis.hget(this.#teams, id)
      if (text === null) return 'missing'
      const answer = await this.#save(id, text, undefined)
      if (answer !== 'changed') return answer === 'saved' ? 'removed' : 'has_keys'
    }
    throw new Error('A team changes faster than it can be removed')
  }

  async #save(id: string, before: string, after: TeamRecord | undefined): Promise<'saved' | 'changed' | 'has_keys'> {
    const keys = [this.#teams, `${this.#prefix}:apikeys:team:${id}`]
    const text = after ? JSON.stringify(after) : ''
    const answer = await SAVE(this.#redis, keys, [id, before, text, accountChannel(this.#prefix)])
    if (answer === -1) return 'has_keys'
    return answer === 1 ? 'saved' : 'changed'
  }

  get #teams(): string {
    return `${this.#prefix}:teams`
  }
}

function empty(id: string): TeamRecord {
  return { id, limits: {}, allowed: {} }
}

function parseRecord(text: string | null): TeamRecord | undefined {
  return text === null ? undefined : TeamRecord.parse(JSON.parse(text))
}
