import { randomBytes } from 'node:crypto'
import { ProblemError, Secret, subscribedTypes } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { ulid } from 'ulid'
import { accountChannel } from '../account-changes.ts'
import { type Envelope, EnvelopeError, kidOf } from '../envelope/envelope.ts'
import { luaScript } from '../lua-script.ts'
import {
  EndpointRecord,
  type EndpointSettings,
  endpointSecretPlace,
  endpointsKey,
  parseEndpoint,
  withSettings,
} from './endpoint-record.ts'

const SECRET_BYTES = 32
const HINT_CHARS = 4
const OLD_SECRET_MS = 86_400_000
/** Each adds a signature to every webhook. */
const MAX_SECRETS = 5
const MAX_ATTEMPTS = 20

/**
 * KEYS: endpoints of the team, teams that have any.
 * ARGV: id, the record as it was read ('' for a new one), as it is to be ('' for none), team, most there may be, channel.
 * Answers 1, 0 when somebody else was quicker, -1 when there are too many.
 */
const SAVE = luaScript(`
local id, before, after, team = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if (redis.call('HGET', KEYS[1], id) or '') ~= before then return 0 end
if after == '' then
  redis.call('HDEL', KEYS[1], id)
  if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], team) end
else
  if before == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return -1 end
  redis.call('HSET', KEYS[1], id, after)
  redis.call('SADD', KEYS[2], team)
end
redis.call('PUBLISH', ARGV[6], team .. '/' .. id)
return 1`)

/** With the one copy of the secret that is ever shown. */
export type MadeEndpoint = { record: EndpointRecord; secret: Secret }

export type WebhookEndpointsDeps = {
  redis: Redis
  prefix: string
  /** Absent without ENCRYPTION_KEYS: then there is nothing to keep secrets with. */
  envelope: Envelope | undefined
  maxPerTeam: number
  now?: () => number
}

/** The endpoints that teams have registered. Every change is told to all processes in the step that makes it. */
export class WebhookEndpoints {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #envelope: Envelope | undefined
  readonly #maxPerTeam: number
  readonly #now: () => number

  constructor({ redis, prefix, envelope, maxPerTeam, now = Date.now }: WebhookEndpointsDeps) {
    this.#redis = redis
    this.#prefix = prefix
    this.#envelope = envelope
    this.#maxPerTeam = maxPerTeam
    this.#now = now
  }

  /** Undefined when the team has as many as it may have. */
  async create(team: string, settings: Omit<EndpointSettings, 'status'>): Promise<MadeEndpoint | undefined> {
    const nowMs = this.#now()
    const id = `we_${ulid(nowMs)}`
    const secret = newSecret()
    const record = EndpointRecord.parse({
      ...settings,
      id,
      eventTypes: subscribedTypes(settings.subscriptions),
      status: 'enabled',
      hint: hintOf(secret),
      secrets: [{ sealed: this.#seal(secret, team, id) }],
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    })
    const answer = await this.#save(team, id, '', record)
    if (answer === 'changed') throw new Error('A new endpoint has the id of another')
    return answer === 'saved' ? { record, secret } : undefined
  }

  async get(team: string, id: string): Promise<EndpointRecord | undefined> {
    return parseEndpoint(await this.#redis.hget(this.#key(team), id))
  }

  /** The newest first. */
  async list(team: string): Promise<EndpointRecord[]> {
    const records = (await this.#redis.hvals(this.#key(team))).flatMap((text) => parseEndpoint(text) ?? [])
    return records.sort((a, b) => (a.id < b.id ? 1 : -1))
  }

  /** Undefined when there is none. */
  async update(
    team: string,
    id: string,
    change: (settings: EndpointSettings) => EndpointSettings,
  ): Promise<EndpointRecord | undefined> {
    return this.#change(team, id, (record) => withSettings(record, change(record), this.#now()))
  }

  /** A new secret. The one before signs beside it for as long as it is kept; with 0, no longer. */
  async rotate(team: string, id: string, { keepOld }: { keepOld: boolean }): Promise<MadeEndpoint | undefined> {
    const secret = newSecret()
    const sealed = this.#seal(secret, team, id)
    const nowMs = this.#now()
    const untilMs = keepOld ? nowMs + OLD_SECRET_MS : nowMs
    const record = await this.#change(team, id, (before) => {
      const older = before.secrets
        .map((each) => ({ ...each, expiresAtMs: Math.min(each.expiresAtMs ?? untilMs, untilMs) }))
        .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      const secrets = [{ sealed }, ...older].slice(0, MAX_SECRETS)
      return { ...before, secrets, hint: hintOf(secret), updatedAtMs: nowMs }
    })
    return record && { record, secret }
  }

  async remove(team: string, id: string): Promise<EndpointRecord | undefined> {
    return this.#change(team, id, () => undefined)
  }

  /** Moves every secret to the current encryption key; returns how many, and which could not be read. */
  async rewrap(): Promise<{ rewrapped: number; failed: string[] }> {
    const report: { rewrapped: number; failed: string[] } = { rewrapped: 0, failed: [] }
    const envelope = this.#envelope
    if (envelope === undefined) return report
    for (const { team, record } of await this.#all()) {
      if (record.secrets.every(({ sealed }) => kidOf(sealed) === envelope.currentKid)) continue
      const place = endpointSecretPlace(team, record.id)
      try {
        const moved = await this.#change(team, record.id, (before) => ({
          ...before,
          secrets: before.secrets.map((each) => ({ ...each, sealed: envelope.rewrap(each.sealed, place) })),
        }))
        report.rewrapped += moved?.secrets.length ?? 0
      } catch (error) {
        if (!(error instanceof EnvelopeError)) throw error
        report.failed.push(`${team}/${record.id}: ${error.message}`)
      }
    }
    return report
  }

  /** Encryption keys that secrets need and this process does not have, by kid. */
  async missingKids(): Promise<string[]> {
    const kids = (await this.#all()).flatMap(({ record }) => record.secrets.map(({ sealed }) => kidOf(sealed)))
    return [...new Set(kids)].filter((kid) => this.#envelope?.knows(kid) !== true)
  }

  async #all(): Promise<{ team: string; record: EndpointRecord }[]> {
    const teams = await this.#redis.smembers(this.#teams)
    const lists = await Promise.all(teams.map((team) => this.list(team)))
    return teams.flatMap((team, index) => (lists[index] ?? []).map((record) => ({ team, record })))
  }

  /** Stores what `change` makes of the record, never over somebody else's change; answers the new one, or the removed. */
  async #change(
    team: string,
    id: string,
    change: (record: EndpointRecord) => EndpointRecord | undefined,
  ): Promise<EndpointRecord | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const text = await this.#redis.hget(this.#key(team), id)
      const before = parseEndpoint(text)
      if (text === null || !before) return undefined
      const after = change(before)
      if (after === before) return before
      if ((await this.#save(team, id, text, after)) === 'saved') return after ?? before
    }
    throw new Error('A webhook endpoint changes faster than it can be written')
  }

  async #save(team: string, id: string, before: string, after: EndpointRecord | undefined) {
    const text = after ? JSON.stringify(after) : ''
    const channel = accountChannel(this.#prefix)
    const answer = await SAVE(
      this.#redis,
      [this.#key(team), this.#teams],
      [id, before, text, team, this.#maxPerTeam, channel],
    )
    if (answer === -1) return 'full'
    return answer === 1 ? 'saved' : 'changed'
  }

  #seal(secret: Secret, team: string, id: string): string {
    if (this.#envelope) return this.#envelope.seal(secret, endpointSecretPlace(team, id))
    throw new ProblemError(
      'encryption_unavailable',
      'There is nothing to encrypt signing secrets with: set ENCRYPTION_KEYS for the API and the workers, or use webhook_url of each job',
    )
  }

  #key(team: string): string {
    return endpointsKey(this.#prefix, team)
  }

  get #teams(): string {
    return `${this.#prefix}:endpoint-teams`
  }
}

function newSecret(): Secret {
  return new Secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`)
}

function hintOf(secret: Secret): string {
  // Without the padding, which says nothing.
  return secret.reveal().replace(/=+$/, '').slice(-HINT_CHARS)
}
