import type { Secret } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { ulid } from 'ulid'
import { accountChannel } from '../account-changes.ts'
import { ApiKeyRecord, type ApiKeySettings } from './api-key-record.ts'
import { FIND, NOTE_USE, SAVE } from './api-key-scripts.ts'
import { hashOfKey, newApiKeySecret } from './api-key-secret.ts'

const MAX_ATTEMPTS = 20
/** Rotations whose overlap has not ended; beyond it the oldest goes at once. */
const MAX_SECRETS = 8

export type NewKey = ApiKeySettings & { team: string; createdBy: string }
/** With the one copy of the key itself that there will ever be. */
export type MadeKey = { record: ApiKeyRecord; secret: Secret }
export type ApiKeyPage = { records: ApiKeyRecord[]; hasMore: boolean }

export type ApiKeysDeps = {
  redis: Redis
  prefix: string
  isEnvironmentTeam: (team: string) => boolean
  now?: () => number
}

/** The API keys that were made at run time. Every change is told to all processes in the step that makes it. */
export class ApiKeys {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #isEnvironmentTeam: (team: string) => boolean
  readonly #now: () => number

  constructor({ redis, prefix, isEnvironmentTeam, now = Date.now }: ApiKeysDeps) {
    this.#redis = redis
    this.#prefix = prefix
    this.#isEnvironmentTeam = isEnvironmentTeam
    this.#now = now
  }

  /** Undefined when there is no such team. */
  async create(key: NewKey): Promise<MadeKey | undefined> {
    const nowMs = this.#now()
    const secret = newApiKeySecret()
    const secrets = [{ hash: hashOfKey(secret.reveal()) }]
    const hint = hintOf(secret)
    const record = ApiKeyRecord.parse({ ...key, id: `key_${ulid(nowMs)}`, secrets, hint, createdAtMs: nowMs })
    const answer = await this.#save(undefined, record)
    if (answer === 'no_team') return undefined
    if (answer === 'changed') throw new Error('A new key has the id of another')
    return { record, secret }
  }

  async get(id: string): Promise<ApiKeyRecord | undefined> {
    return parseRecord(await this.#redis.hget(this.#records, id))
  }

  /** In order of creation. */
  async list(query: { team?: string | undefined; after?: string | undefined; limit: number }): Promise<ApiKeyPage> {
    const { team, after, limit } = query
    const index = team === undefined ? this.#index : this.#teamIndex(team)
    const from = after === undefined ? '-' : `(${after}`
    const ids = await this.#redis.zrange(index, from, '+', 'BYLEX', 'LIMIT', 0, limit + 1)
    const shown = ids.slice(0, limit)
    const texts = shown.length === 0 ? [] : await this.#redis.hmget(this.#records, ...shown)
    const records = texts.flatMap((text) => parseRecord(text) ?? [])
    return { records, hasMore: ids.length > limit }
  }

  async update(id: string, change: (settings: ApiKeySettings) => ApiKeySettings): Promise<ApiKeyRecord | undefined> {
    return this.#change(id, (record) => {
      const { name, scopes, allowed, limits, expiresAtMs } = change(record)
      const { expiresAtMs: _, ...kept } = record
      return { ...kept, name, scopes, allowed, limits, ...(expiresAtMs !== undefined && { expiresAtMs }) }
    })
  }

  /** A new secret; all that were given out before end when the overlap does, if not sooner. */
  async rotate(id: string, { overlapMs }: { overlapMs: number }): Promise<MadeKey | undefined> {
    const secret = newApiKeySecret()
    const nowMs = this.#now()
    const untilMs = nowMs + overlapMs
    const record = await this.#change(id, ({ secrets, ...rest }) => {
      const older = secrets
        .map((each) => ({ hash: each.hash, untilMs: Math.min(each.untilMs ?? untilMs, untilMs) }))
        .filter((each) => each.untilMs > nowMs)
      const all = [{ hash: hashOfKey(secret.reveal()) }, ...older].slice(0, MAX_SECRETS)
      return { ...rest, secrets: all, hint: hintOf(secret) }
    })
    return record && { record, secret }
  }

  /** Ends the key everywhere. */
  async revoke(id: string): Promise<ApiKeyRecord | undefined> {
    return this.#change(id, () => undefined)
  }

  /** The record that a hash belongs to, whether the key is still good or not. */
  async findByHash(hash: string): Promise<ApiKeyRecord | undefined> {
    const found = await FIND(this.#redis, [this.#pointer(hash), this.#records], [])
    return typeof found === 'string' ? parseRecord(found) : undefined
  }

  async noteUse(id: string, atMs: number): Promise<void> {
    await NOTE_USE(this.#redis, [this.#records, this.#uses], [id, atMs])
  }

  async lastUses(ids: readonly string[]): Promise<(number | undefined)[]> {
    if (ids.length === 0) return []
    const texts = await this.#redis.hmget(this.#uses, ...ids)
    return texts.map((text) => (text === null ? undefined : Number(text)))
  }

  /** Stores what `change` makes of the record, never over somebody else's change; answers the new one, or the removed. */
  async #change(
    id: string,
    change: (record: ApiKeyRecord) => ApiKeyRecord | undefined,
  ): Promise<ApiKeyRecord | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const text = await this.#redis.hget(this.#records, id)
      const before = parseRecord(text)
      if (text === null || !before) return undefined
      const after = change(before)
      if ((await this.#save({ text, record: before }, after)) === 'saved') return after ?? before
    }
    throw new Error('An API key changes faster than it can be written')
  }

  async #save(before: { text: string; record: ApiKeyRecord } | undefined, after: ApiKeyRecord | undefined) {
    const record = after ?? before?.record
    if (!record) return 'saved'
    const { id, team } = record
    const pointers = new Map<string, number>(before?.record.secrets.map(({ hash }) => [hash, -1]))
    for (const { hash, untilMs = Infinity } of after?.secrets ?? []) {
      const endsMs = Math.min(untilMs, record.expiresAtMs ?? Infinity)
      pointers.set(hash, endsMs === Infinity ? 0 : Math.max(1, Math.ceil(endsMs)))
    }
    const keys = [this.#records, this.#uses, this.#index, this.#teamIndex(team), `${this.#prefix}:teams`]
    const needed = before || this.#isEnvironmentTeam(team) ? '' : team
    const text = after ? JSON.stringify(after) : ''
    const answer = await SAVE(
      this.#redis,
      [...keys, ...[...pointers.keys()].map((hash) => this.#pointer(hash))],
      [id, before?.text ?? '', text, needed, accountChannel(this.#prefix), ...[...pointers].flat()],
    )
    if (answer === -1) return 'no_team'
    return answer === 1 ? 'saved' : 'changed'
  }

  /** Ids in order of creation, all scores 0. */
  get #index(): string {
    return `${this.#prefix}:apikeys`
  }

  #teamIndex(team: string): string {
    return `${this.#prefix}:apikeys:team:${team}`
  }

  get #records(): string {
    return `${this.#prefix}:apikeys:records`
  }

  get #uses(): string {
    return `${this.#prefix}:apikeys:uses`
  }

  /** Hash of a key → its id; goes by itself when the key does. */
  #pointer(hash: string): string {
    return `${this.#prefix}:apikey:${hash}`
  }
}

function hintOf(secret: Secret): string {
  return secret.reveal().slice(-4)
}

function parseRecord(text: string | null): ApiKeyRecord | undefined {
  return text === null ? undefined : ApiKeyRecord.parse(JSON.parse(text))
}
