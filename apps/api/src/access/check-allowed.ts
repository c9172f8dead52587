import type { Allowed } from '@genqueue/accounts'
import { ProblemError, type ProviderName } from '@genqueue/contract'
import type { Identity } from './authenticate.ts'

type Work = {
  provider: ProviderName
  model?: string | undefined
  request: { webhookUrl?: string | undefined; body: Readonly<Record<string, unknown>> }
}

/** Refuses work that the team or the key of the request is not for. */
export function checkAllowed({ allowed }: Pick<Identity, 'allowed'>, work: Work): void {
  for (const each of allowed) checkOne(each, work)
}

function checkOne({ models, providers, callbackHosts }: Allowed, { provider, model = '', request }: Work): void {
  const { webhookUrl, body } = request
  const name = `${provider}/${model}`
  if (providers && !providers.includes(provider)) {
    throw forbidden(`This API key is for ${providers.join(', ')} only`, 'model')
  }
  if (models && !models.some((pattern) => matches(pattern, name))) {
    throw forbidden(`This API key is for these models only: ${models.join(', ')}`, 'model')
  }
  if (webhookUrl !== undefined) checkHost(callbackHosts, webhookUrl, 'webhook_url')
  // Where Runware itself sends what it has made.
  const { uploadEndpoint = null } = body
  if (uploadEndpoint !== null) {
    checkHost(callbackHosts, typeof uploadEndpoint === 'string' ? uploadEndpoint : '', 'uploadEndpoint')
  }
}

/** Refuses an address that the team or the key of the request may not have called. */
export function checkCallbackHost({ allowed }: Pick<Identity, 'allowed'>, url: string, param: string): void {
  for (const { callbackHosts } of allowed) checkHost(callbackHosts, url, param)
}

function checkHost(callbackHosts: Allowed['callbackHosts'], url: string, param: string): void {
  if (!callbackHosts) return
  const hostname = URL.parse(url)?.hostname ?? ''
  if (!callbackHosts.some((pattern) => isHost(pattern, hostname))) {
    throw forbidden(`This API key may name these hosts only: ${callbackHosts.join(', ')}`, param)
  }
}

/** A star stands for whatever follows; work without a model is covered by a whole vendor alone. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** `*.example.com` stands for every host below, not for example.com itself. */
function isHost(pattern: string, hostname: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern
}

function forbidden(message: string, param: string): ProblemError {
  return new ProblemError('forbidden', message, { param })
}
