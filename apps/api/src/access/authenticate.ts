import { hash, timingSafeEqual } from 'node:crypto'
import type { Allowed, ApiKeyRecord, KeyLookup, Teams } from '@genqueue/accounts'
import { type Limits, ProblemError, SCOPES, type Scope } from '@genqueue/contract'
import type { FailedAttempts } from './failed-attempts.ts'
import type { TeamKey } from './team-keys.ts'

const DEFAULT_TEAM = 'default'
const LOOPBACK_NAME = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** The parts of a request that say who asks. Keys in the query string are never looked at. */
type Credentials = { headers: { get(name: string): string | null }; url: string; address: () => string }

/** Who asks, and what they may do. */
export type Identity = {
  team: string
  scopes: ReadonlySet<Scope>
  /** Who this is in the audit log: the id of a key, or `environment` and the team it names there. */
  actor: string
  /** Only of a key that was made by the API. */
  apiKeyId?: string
  limits: { team?: Limits; key?: Limits }
  /** What the team and the key may be used for; each must allow it. */
  allowed: readonly Allowed[]
}

export type Authenticate = (credentials: Credentials) => Promise<Identity>

export type AuthenticateOptions = {
  allowKeyless: boolean
  teams: Pick<Teams, 'settings'>
  lookup: Pick<KeyLookup, 'find' | 'isNew'>
  attempts: FailedAttempts
}

/** Somebody whose team has not been looked at yet. */
type Somebody = Pick<Identity, 'team' | 'scopes' | 'actor'> & { key?: Pick<ApiKeyRecord, 'id' | 'limits' | 'allowed'> }

const EVERYTHING: ReadonlySet<Scope> = new Set(SCOPES)
/** What the key of a team from the environment may do: everything but administration. */
const TEAM_SCOPES: ReadonlySet<Scope> = new Set(['jobs:create', 'jobs:read', 'jobs:cancel', 'webhooks:manage'])
const KEYLESS: Somebody = { team: DEFAULT_TEAM, scopes: EVERYTHING, actor: 'keyless' }
const KEY_HEADERS = ['x-api-key', 'x-bf-vk'] as const
/** What proxies and tunnels on this machine add to requests of others. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const

/** Answers with the team and scopes of the request's key; a key that is unknown or malformed is refused, whatever the mode. */
export function createAuthenticate(
  keys: readonly TeamKey[],
  { allowKeyless, teams, lookup, attempts }: AuthenticateOptions,
): Authenticate {
  const ofEnvironment = keys.map(({ team, key, isAdmin }) => ({
    somebody: {
      team,
      scopes: isAdmin ? EVERYTHING : TEAM_SCOPES,
      actor: isAdmin ? 'environment' : `environment:${team}`,
    } satisfies Somebody,
    digest: digestOf(key.reveal()),
  }))

  const identify = async (credentials: Credentials): Promise<Somebody> => {
    const key = keyOf(credentials.headers)
    if (key === undefined) {
      if (allowKeyless && isOwnMachine(credentials)) return KEYLESS
      throw unauthorized('Send an API key as Authorization: Bearer, x-api-key or x-bf-vk, never in the address')
    }
    const digest = digestOf(key)
    let found: Somebody | undefined
    // To the end, whichever it is: the time taken says nothing.
    for (const { somebody, digest: expected } of ofEnvironment) if (timingSafeEqual(digest, expected)) found = somebody
    return found ?? (await ofStored(key, credentials.address()))
  }

  const ofStored = async (key: string, address: string): Promise<Somebody> => {
    const waitMs = attempts.waitMs(address)
    // Too many wrong keys came from there. One that is known here passes; of new ones only a few are asked about.
    const record = waitMs === 0 || !lookup.isNew(key) || attempts.mayAsk() ? await lookup.find(key) : undefined
    if (record) {
      const { id, team, scopes } = record
      return { team, scopes: new Set(scopes), actor: id, key: record }
    }
    if (waitMs > 0) throw tooManyAttempts(waitMs)
    attempts.note(address)
    throw unauthorized('The API key is not valid')
  }

  return async (credentials) => {
    const { key, ...somebody } = await identify(credentials)
    const team = await teams.settings(somebody.team)
    if (key === undefined) return { ...somebody, limits: { team: team.limits }, allowed: [team.allowed] }
    const limits = { team: team.limits, key: key.limits }
    return { ...somebody, apiKeyId: key.id, limits, allowed: [team.allowed, key.allowed] }
  }
}

/** The one key of a request, whatever headers it stands in. */
function keyOf(headers: Credentials['headers']): string | undefined {
  const given = KEY_HEADERS.flatMap((name) => headers.get(name) ?? [])
  const authorization = headers.get('authorization')
  if (authorization !== null) {
    const [, key] = /^bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? []
    if (key === undefined) throw unauthorized('The Authorization header must be Bearer and an API key')
    given.push(key)
  }
  const [key, ...others] = given
  if (others.some((other) => other !== key)) {
    throw unauthorized('The request holds two different API keys; send one of them')
  }
  return key
}

// A page of a foreign site, open in the developer's browser, can reach this port too: by its own name or by DNS rebinding.
function isOwnMachine({ headers, url }: Credentials): boolean {
  if (PROXY_HEADERS.some((name) => headers.get(name) !== null)) return false
  const { hostname, host } = new URL(url)
  const site = headers.get('sec-fetch-site')
  const isOwnSite = site === null || site === 'same-origin' || site === 'none'
  // Browsers too old for the one say the other when they change something.
  const origin = headers.get('origin')
  return isOwnSite && (origin === null || URL.parse(origin)?.host === host) && LOOPBACK_NAME.test(hostname)
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

function unauthorized(message: string): ProblemError {
  return new ProblemError('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } })
}

function tooManyAttempts(waitMs: number): ProblemError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  const message = `Too many wrong API keys came from your address; try again in ${seconds} seconds`
  return new ProblemError('too_many_attempts', message, { headers: { 'retry-after': String(seconds) } })
}
