import { CreateJobRequest, ProblemError, type ProviderName } from '@genqueue/contract'
import { kindOf, operationsOf, type VendorBody } from '@genqueue/providers'
import type { JobDraft } from '../accept/accept-job.ts'
import { checkMediaUrls, checkWebhookUrl } from '../accept/caller-urls.ts'
import { idempotencyKeyOf, idempotencyOf } from '../accept/idempotency.ts'
import { jobRequest, resultsOf } from '../accept/job-request.ts'
import { refuseOurOwn } from '../accept/our-own-fields.ts'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'

const ROUTE = 'POST /v1/jobs'

/** How `POST /v1/jobs` makes a job of its body. */
export function draftJob(deps: AppDeps, idempotencyHeader: string | null): JobDraft {
  const { config, now = Date.now } = deps
  const draft: JobDraft['draft'] = ({ value, inputs }) => {
    const { provider, operation, input, idempotency_key, ...options } = parseRequest(CreateJobRequest, value)
    const key = idempotencyKeyOf(idempotencyHeader, idempotency_key)
    checkOperation(provider, operation)
    checkWebhookUrl(options.webhook_url, config.egress)
    checkMediaUrls({ input }, config.egress)
    refuseOurOwn(provider, operation, input, (field) => `input[${field}]`)
    const { model } = input
    const work = { body: input, display: displayOf(input), inputs, results: resultsOf(input) }
    return {
      provider,
      operation,
      ...(typeof model === 'string' && model !== '' && { model: model.slice(0, 200) }),
      kind: kindOf(provider, operation, input),
      door: 'jobs',
      request: jobRequest(options, work, config.jobDefaults, now()),
      ...(key !== undefined && {
        idempotency: idempotencyOf(ROUTE, key, { provider, operation, input, ...options }, inputs),
      }),
    }
  }
  return { draft }
}

function checkOperation(provider: ProviderName, operation: string): void {
  const names = operationsOf(provider).map(({ name }) => name)
  if (names.includes(operation)) return
  const message = `${provider} has no such operation; it has ${names.join(', ')}`
  throw new ProblemError('invalid_operation', message, { param: 'operation' })
}

/** What the videos door shows of a job that came in here. */
function displayOf({ promptText, positivePrompt, ratio, width, height, duration }: VendorBody) {
  const prompt = promptText ?? positivePrompt
  const size = typeof ratio === 'string' && /^\d{2,5}:\d{2,5}$/.test(ratio) ? ratio.replace(':', 'x') : undefined
  const isFramed = typeof width === 'number' && typeof height === 'number'
  return {
    ...(typeof prompt === 'string' && { prompt }),
    ...(size !== undefined && { size }),
    ...(isFramed && { size: `${width}x${height}` }),
    ...(typeof duration === 'number' && { seconds: String(duration) }),
  }
}
