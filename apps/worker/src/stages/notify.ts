import type { Sent } from '@genqueue/jobs'
import { webhookRetryMs } from '../pace.ts'

export type WebhookCall = {
  id: string
  url: string
  /** What signs it: the current one first. */
  keys: readonly Buffer[]
  body: string
  attempt: number
  timestampSeconds: number
  /** Beside what is signed: in which step of which trace it is sent. */
  traceparent?: string
}

/**
 * How a receiver took it. `blocked` is an address that may not be called: no retry can help. `unsent`: it was our own
 * fault, which says nothing about the receiver.
 */
export type WebhookAnswer = (
  | { kind: 'answered'; status: number; retryAfterMs?: number | undefined; text: string }
  | { kind: 'failed'; error: string }
  | { kind: 'blocked'; error: string }
  | { kind: 'unsent'; error: string }
) & {
  /** The header it was sent with. */
  signature?: string
}

/** Statuses whose Retry-After is obeyed. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** 4xx that say nothing about the request. */
const NOT_NOW: ReadonlySet<number> = new Set([408, 425, 429])

/** What the answer to the given attempt of a round (1, 2, …) means, and when the next is due. */
export function planNext(
  answer: WebhookAnswer,
  attempt: number,
  random: number,
  maxAttempts = Number.POSITIVE_INFINITY,
): Pick<Sent, 'what' | 'next'> {
  if (answer.kind === 'blocked') return { what: 'refused', next: { status: 'blocked' } }
  if (answer.kind === 'answered') {
    if (answer.status >= 200 && answer.status < 300) return { what: 'taken', next: { status: 'delivered' } }
    if (answer.status === 410) return { what: 'refused', next: { status: 'gone' } }
  }
  const isRefused = answer.kind === 'answered' && answer.status < 500 && !NOT_NOW.has(answer.status)
  const retryAfterMs = answer.kind === 'answered' && BUSY.has(answer.status) ? answer.retryAfterMs : undefined
  const retryInMs = attempt < maxAttempts ? webhookRetryMs(attempt, retryAfterMs, random) : undefined
  return {
    ...(answer.kind !== 'unsent' && { what: isRefused ? 'refused' : 'failed' }),
    next: retryInMs === undefined ? { status: 'exhausted' } : { status: 'pending', retryInMs },
  }
}
