import type { Readable } from 'node:stream'
import { signWebhook, type WebhookSigningKey } from '@genqueue/contract'
import { EgressError, type EgressPolicy, guardedRequest } from '@genqueue/egress'
import { parseRetryAfter } from '@genqueue/providers'
import type { Agent } from 'undici'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'

const MAX_ANSWER_BYTES = 4096
const KEPT_ANSWER_BYTES = 1024
const HEADERS_TIMEOUT_MS = 10_000
/** Of an answer whose status is there: a receiver that drips the rest is not to hold a socket for as long as one that thinks. */
const READ_TIMEOUT_MS = 1_000
const MAX_RETRY_AFTER_MS = 7 * 86_400_000

/** Sends signed webhooks: guarded address, total deadline, no redirects, the answer read to 4 KB or for a second and kept to 1 KB. */
export function createWebhookSender(deps: {
  agent: Agent
  policy: EgressPolicy
  timeoutMs: number
  /** The service's own keys: a `v1a` signature of each stands behind those of the receiver's secrets. */
  signingKeys?: readonly WebhookSigningKey[]
}): (call: WebhookCall) => Promise<WebhookAnswer> {
  const { agent, policy, timeoutMs, signingKeys = [] } = deps
  const ed25519Keys = signingKeys.map(({ key }) => key)
  return async ({ id, url, keys, body, attempt, timestampSeconds, traceparent }) => {
    const signed = signWebhook({ id, timestampSeconds, body, keys, ed25519Keys })
    const signature = signed['webhook-signature']
    try {
      const response = await guardedRequest({
        agent,
        policy,
        method: 'POST',
        url,
        headers: {
          ...signed,
          'content-type': 'application/json',
          'user-agent': 'genqueue-webhooks/1',
          'webhook-attempt': String(attempt),
          ...(traceparent !== undefined && { traceparent }),
        },
        body,
        totalTimeoutMs: timeoutMs,
        headersTimeoutMs: Math.min(HEADERS_TIMEOUT_MS, timeoutMs),
      })
      const { statusCode, headers } = response
      // The status decides; what follows is read for the log, and so that the socket can be used again.
      const text = await readStart(response.body)
      return {
        kind: 'answered',
        status: statusCode,
        retryAfterMs: parseRetryAfter(headers, Date.now(), MAX_RETRY_AFTER_MS),
        text,
        signature,
      }
    } catch (error) {
      const code = error instanceof EgressError ? error.code : 'connect'
      const isHopeless = code === 'blocked' || code === 'invalid_url'
      return { kind: isHopeless ? 'blocked' : 'failed', error: code, signature }
    }
  }
}

/** The beginning of a body as text, whatever becomes of the rest. Control characters would reach terminals by the log. */
async function readStart(body: Readable): Promise<string> {
  const timer = setTimeout(() => body.destroy(), READ_TIMEOUT_MS)
  const kept: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of body) {
      if (bytes < KEPT_ANSWER_BYTES) kept.push(chunk.subarray(0, KEPT_ANSWER_BYTES - bytes))
      bytes += chunk.byteLength
      if (bytes > MAX_ANSWER_BYTES) break
    }
  } catch {
    // Cut short or too slow: it has answered all the same.
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(kept)
    .toString('utf8')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\uFFFD]+/gu, ' ')
    .trim()
}
