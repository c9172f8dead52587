import { z } from 'zod'

const EXPOSED =
  'content-disposition, idempotent-replayed, location, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id'
const TAKEN =
  'authorization, content-type, idempotency-key, last-event-id, prefer, range, traceparent, x-api-key, x-bf-vk, x-request-id'

/** `https://app.example,http://localhost:3000`: whole origins and no pattern, so that no lookalike is among them. */
export const CorsOrigins = z.string().transform((text, context): ReadonlySet<string> => {
  const origins = text.split(',').flatMap((part) => part.trim() || [])
  const wrong = origins.find((origin) => !/^https?:[^*]+$/.test(origin) || URL.parse(origin)?.origin !== origin)
  if (wrong !== undefined) {
    context.addIssue({ code: 'custom', message: `'${wrong}' is not an origin such as https://app.example` })
  }
  return new Set(origins)
})

/** What lets pages of the origins that the operator named read an answer; to all others, and by default, nothing. */
export function corsHeaders(headers: Headers, origins: ReadonlySet<string>): Readonly<Record<string, string>> {
  if (origins.size === 0) return {}
  const origin = headers.get('origin')
  if (origin === null || !origins.has(origin)) return { vary: 'origin' }
  return { vary: 'origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED }
}

/** The answer to a browser's question before it sends what a form could not; undefined where nobody may ask it. */
export function preflightHeaders(
  headers: Headers,
  origins: ReadonlySet<string>,
  allow: string,
): Readonly<Record<string, string>> | undefined {
  const isAsked = headers.has('access-control-request-method') && origins.has(headers.get('origin') ?? '')
  if (!isAsked) return undefined
  return {
    'access-control-allow-methods': allow,
    'access-control-allow-headers': TAKEN,
    'access-control-max-age': '600',
  }
}
