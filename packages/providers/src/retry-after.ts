import type { IncomingHttpHeaders } from 'node:http'

const MIN_MS = 1_000
const MAX_MS = 15 * 60_000

/**
 * How long the other side asks to wait, between one second and `maxMs` (fifteen minutes): `retry-after-ms`, or
 * `Retry-After` as seconds or as a date. Nonsense, negative numbers and dates gone by count as not asked.
 */
export function parseRetryAfter(headers: IncomingHttpHeaders, nowMs: number, maxMs = MAX_MS): number | undefined {
  const askedMs = digits(single(headers['retry-after-ms'])) ?? fromRetryAfter(headers, nowMs)
  return askedMs === undefined ? undefined : Math.min(Math.max(Math.ceil(askedMs), MIN_MS), maxMs)
}

function fromRetryAfter(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const value = single(headers['retry-after'])
  const seconds = digits(value)
  if (seconds !== undefined) return seconds * 1000
  const untilMs = httpDate(value)
  // The vendor's own clock, where it tells it: ours may be minutes off.
  const waitMs = untilMs === undefined ? undefined : untilMs - (httpDate(single(headers.date)) ?? nowMs)
  return waitMs === undefined || waitMs < 0 ? undefined : waitMs
}

function single(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header[0] : header)?.trim() ?? ''
}

function digits(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined
}

/** Any of HTTP's three date forms. Guarded by the weekday because `Date.parse` reads "garbage 1" as the year 2001. */
function httpDate(text: string): number | undefined {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined
  const parsed = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(parsed) ? undefined : parsed
}
