import {
  CreateProviderRequest,
  DeletedProvider,
  PROVIDERS,
  ProblemError,
  ProviderList,
  ProviderName,
  ProviderResource,
  ReplaceProviderRequest,
  RewrapReport,
} from '@genqueue/contract'
import { checkUrl, EgressError } from '@genqueue/egress'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'
import { providerKeyRoutes } from './provider-keys.ts'
import { providerLimitRoutes } from './provider-limits.ts'

const BASE = { tag: 'Admin', errors: 'problem', scope: 'providers:admin' } as const

/** What administrators do with the vendors: settings and keys. */
export function providerRoutes(deps: AppDeps): Route[] {
  const { config, providerKeys, audit, now = Date.now } = deps
  const { admin } = providerKeys
  return [
    {
      ...BASE,
      method: 'GET',
      path: '/api/providers',
      summary: 'List the providers that are set up',
      answers: { 200: { description: 'With their keys, masked', schema: ProviderList } },
      async handle() {
        return json(200, { object: 'list', data: await admin.list() } satisfies ProviderList)
      },
    },
    {
      ...BASE,
      method: 'POST',
      path: '/api/providers',
      summary: 'Set a provider up, with its keys',
      body: { schema: CreateProviderRequest, multipart: false },
      answers: { 201: { description: 'The provider', schema: ProviderResource } },
      async handle(c, caller) {
        const request = parseRequest(CreateProviderRequest, await readJsonBody(c.req.raw, config.limits))
        const checked = { ...request, base_url: checkedBaseUrl(request.base_url, deps) }
        const location = `/api/providers/${request.provider}`
        return json(201, await admin.create(checked, caller), { location })
      },
    },
    {
      ...BASE,
      method: 'POST',
      path: '/api/encryption/rewrap',
      summary: 'Move all stored secrets to the current encryption key',
      answers: { 200: { description: 'How many were moved; none when all are', schema: RewrapReport } },
      async handle(_c, { actor, requestId }) {
        const report = await providerKeys.rewrap()
        const { current_kid: kid, rewrapped } = report
        const detail = { kid, rewrapped }
        await audit({ actor, requestId, action: 'encryption.rewrap', target: 'encryption', detail, atMs: now() })
        return json(200, report)
      },
    },
    {
      ...BASE,
      method: 'GET',
      path: '/api/providers/:provider',
      summary: 'Look at a provider',
      answers: { 200: { description: 'The provider with its keys, masked', schema: ProviderResource } },
      async handle(c) {
        return json(200, await admin.get(providerOf(c)))
      },
    },
    {
      ...BASE,
      method: 'PUT',
      path: '/api/providers/:provider',
      summary: 'Replace the settings and keys of a provider',
      body: { schema: ReplaceProviderRequest, multipart: false },
      answers: { 200: { description: 'The provider', schema: ProviderResource } },
      async handle(c, caller) {
        const provider = providerOf(c)
        const request = parseRequest(ReplaceProviderRequest, await readJsonBody(c.req.raw, config.limits))
        const checked = { ...request, base_url: checkedBaseUrl(request.base_url, deps) }
        return json(200, await admin.replace(provider, checked, caller))
      },
    },
    {
      ...BASE,
      method: 'DELETE',
      path: '/api/providers/:provider',
      summary: 'Delete the settings and stored keys of a provider',
      answers: { 200: { description: 'Gone for new jobs; `retired` says what runs on', schema: DeletedProvider } },
      async handle(c, caller) {
        return json(200, await admin.remove(providerOf(c), caller))
      },
    },
    ...providerKeyRoutes(deps, { base: BASE, providerOf }),
    ...providerLimitRoutes(deps, { base: BASE, providerOf }),
  ]
}

/** The provider of the path. */
function providerOf(c: ApiContext): ProviderName {
  const provider = ProviderName.safeParse(c.req.param('provider'))
  if (provider.success) return provider.data
  throw new ProblemError('not_found', `There is no such provider; there are ${PROVIDERS.join(' and ')}`)
}

/** Our keys are sent to it: it passes the rules of egress now, and again whenever it is called. */
function checkedBaseUrl(url: string | null | undefined, { config }: AppDeps): string | null {
  if (url === undefined || url === null) return null
  const param = 'base_url'
  try {
    const { href, search } = checkUrl(url, config.egress)
    if (search !== '') throw new ProblemError('invalid_url', `${param} must have no query`, { param })
    return href.replace(/\/+$/, '')
  } catch (cause) {
    if (!(cause instanceof EgressError)) throw cause
    const message =
      cause.code === 'blocked'
        ? `${param} must be an https URL of a public host; the operator's EGRESS_ALLOW may allow others`
        : `${param} is not valid: ${cause.message}`
    throw new ProblemError(cause.code === 'blocked' ? 'blocked_url' : 'invalid_url', message, { param, cause })
  }
}
