import { CreateJobRequest, ProblemError, type ProviderName } from '@genqueue/contract'
import { operationsOf } from '@genqueue/providers'
import type { JobDraft } from '../accept-job.ts'
import type { AppDeps } from '../app-deps.ts'
import { checkMediaUrls, checkWebhookUrl } from '../caller-urls.ts'
import { idempotencyKeyOf, idempotencyOf } from '../idempotency.ts'
import { parseRequest } from '../invalid-request.ts'
import { jobRequest } from '../job-request.ts'

const ROUTE = 'POST /v1/jobs'

/** How `POST /v1/jobs` makes a job of its body. */
export function draftJob(deps: AppDeps, idempotencyHeader: string | null): JobDraft {
  const { config, now = Date.now } = deps
  const draft: JobDraft['draft'] = (value, inputs) => {
    const { provider, operation, input, idempotency_key, ...options } = parseRequest(CreateJobRequest, value)
    const key = idempotencyKeyOf(idempotencyHeader, idempotency_key)
    const kind = kindOf(provider, operation)
    checkWebhookUrl(options.webhook_url, config.egress)
    checkMediaUrls({ input }, config.egress)
    const { model } = input
    return {
      provider,
      operation,
      ...(typeof model === 'string' && model !== '' && { model: model.slice(0, 200) }),
      kind,
      door: 'jobs',
      request: jobRequest(options, { body: input, display: displayOf(input), inputs }, config.jobDefaults, now()),
      ...(key !== undefined && {
        idempotency: idempotencyOf(ROUTE, key, { provider, operation, input, ...options }, inputs),
      }),
    }
  }
  return { draft }
}

function kindOf(provider: ProviderName, operation: string) {
  const operations = operationsOf(provider)
  if (!operations) {
    throw new ProblemError('not_supported', `${provider} cannot be used yet; use runway`, { param: 'provider' })
  }
  const found = operations.find(({ name }) => name === operation)
  if (found) return found.kind
  const names = operations.map(({ name }) => name).join(', ')
  throw new ProblemError('invalid_operation', `${provider} has no such operation; it has ${names}`, {
    param: 'operation',
  })
}

/** What the videos door shows of a job that came in here. */
function displayOf({ promptText, ratio, duration }: Readonly<Record<string, unknown>>) {
  return {
    ...(typeof promptText === 'string' && { prompt: promptText }),
    ...(typeof ratio === 'string' && /^\d{2,5}:\d{2,5}$/.test(ratio) && { size: ratio.replace(':', 'x') }),
    ...(typeof duration === 'number' && { seconds: String(duration) }),
  }
}
