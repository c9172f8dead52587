import { hash, timingSafeEqual } from 'node:crypto'
import { ProblemError, SCOPES, type Scope } from '@genqueue/contract'
import type { TeamKey } from './team-keys.ts'

const DEFAULT_TEAM = 'default'
const LOOPBACK_NAME = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** The parts of a request that say who asks. Keys in the query string are never looked at. */
type Credentials = { headers: { get(name: string): string | null }; url: string }

/** Who asks, and what they may do. */
export type Identity = { team: string; scopes: ReadonlySet<Scope> }

export type Authenticate = (credentials: Credentials) => Identity

const EVERYTHING: ReadonlySet<Scope> = new Set(SCOPES)
/** What the key of a team from the environment may do: everything but administration. */
const TEAM_SCOPES: ReadonlySet<Scope> = new Set(['jobs:create', 'jobs:read', 'jobs:cancel', 'webhooks:manage'])

/** Answers with the team and scopes of the request's key; a key that is unknown or malformed is refused, whatever the mode. */
export function createAuthenticate(keys: readonly TeamKey[], options: { allowKeyless: boolean }): Authenticate {
  const known = keys.map(({ team, key, isAdmin }) => ({
    identity: { team, scopes: isAdmin ? EVERYTHING : TEAM_SCOPES },
    digest: digestOf(key.reveal()),
  }))
  return (credentials) => {
    const key = keyOf(credentials.headers)
    if (key === undefined) {
      if (options.allowKeyless && isOwnMachine(credentials)) return { team: DEFAULT_TEAM, scopes: EVERYTHING }
      throw unauthorized('Send an API key as Authorization: Bearer, x-api-key or x-bf-vk')
    }
    const digest = digestOf(key)
    let found: Identity | undefined
    for (const { identity, digest: expected } of known) if (timingSafeEqual(digest, expected)) found = identity
    if (found === undefined) throw unauthorized('The API key is not valid')
    return found
  }
}

function keyOf(headers: Credentials['headers']): string | undefined {
  const authorization = headers.get('authorization')
  if (authorization !== null) {
    const [, key] = /^bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? []
    if (key === undefined) throw unauthorized('The Authorization header must be Bearer and an API key')
    return key
  }
  return headers.get('x-api-key') ?? headers.get('x-bf-vk') ?? undefined
}

// A page of a foreign site, open in the developer's browser, can reach this port too: by its own name or by DNS rebinding.
function isOwnMachine({ headers, url }: Credentials): boolean {
  const site = headers.get('sec-fetch-site')
  return (site === null || site === 'same-origin' || site === 'none') && LOOPBACK_NAME.test(new URL(url).hostname)
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

function unauthorized(message: string): ProblemError {
  return new ProblemError('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } })
}
