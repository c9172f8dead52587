import { signWebhook } from '@genqueue/contract'
import { EgressError, type EgressPolicy, guardedRequest, readCapped } from '@genqueue/egress'
import { parseRetryAfter } from '@genqueue/providers'
import type { Agent } from 'undici'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'

const MAX_ANSWER_BYTES = 4096
const HEADERS_TIMEOUT_MS = 10_000
const MAX_RETRY_AFTER_MS = 7 * 86_400_000

/** Sends signed webhooks: guarded address, total deadline, no redirects, the answer read to 4 KB at most. */
export function createWebhookSender(deps: {
  agent: Agent
  policy: EgressPolicy
  keys: readonly Buffer[]
  timeoutMs: number
}): (call: WebhookCall) => Promise<WebhookAnswer> {
  const { agent, policy, keys, timeoutMs } = deps
  return async ({ id, url, body, attempt, timestampSeconds }) => {
    try {
      const response = await guardedRequest({
        agent,
        policy,
        method: 'POST',
        url,
        headers: {
          ...signWebhook({ id, timestampSeconds, body, keys }),
          'content-type': 'application/json',
          'user-agent': 'genqueue-webhooks/1',
          'webhook-attempt': String(attempt),
        },
        body,
        totalTimeoutMs: timeoutMs,
        headersTimeoutMs: Math.min(HEADERS_TIMEOUT_MS, timeoutMs),
      })
      const { statusCode, headers } = response
      // The status decides; what follows is only read so that the socket can be used again.
      await readCapped(response.body, MAX_ANSWER_BYTES).catch(() => undefined)
      return {
        kind: 'answered',
        status: statusCode,
        retryAfterMs: parseRetryAfter(headers, Date.now(), MAX_RETRY_AFTER_MS),
      }
    } catch (error) {
      const code = error instanceof EgressError ? error.code : 'connect'
      const isHopeless = code === 'blocked' || code === 'invalid_url'
      return { kind: isHopeless ? 'blocked' : 'failed', error: code }
    }
  }
}
