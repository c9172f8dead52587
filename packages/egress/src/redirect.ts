import type { IncomingHttpHeaders } from 'node:http'
import { EgressError } from './egress-error.ts'
import { checkUrl, type EgressPolicy } from './egress-policy.ts'

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'x-api-key'])

/** Where an answer redirects to; `undefined` when it does not. */
export function locationOf(statusCode: number, headers: IncomingHttpHeaders): string | undefined {
  return REDIRECTS.has(statusCode) ? headers.location : undefined
}

/** The next URL, judged like the first one, or `redirect` when it leaves the host or gives up TLS. */
export function redirectTarget(location: string, from: URL, policy: EgressPolicy): URL {
  const resolved = URL.parse(location, from.href)
  if (resolved === null) throw new EgressError('redirect', 'The host redirects to an invalid URL', { written: true })
  const url = checkUrl(resolved, policy)
  if (url.hostname !== from.hostname || (from.protocol === 'https:' && url.protocol === 'http:')) {
    throw new EgressError('redirect', 'The host redirects elsewhere', { written: true })
  }
  return url
}

/** What was meant for one port of a host is not meant for another. */
export function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name.toLowerCase())))
}
