import type { EndpointRecord } from '@genqueue/accounts'
import {
  CreateWebhookEndpointRequest,
  DeletedWebhookEndpoint,
  ProblemError,
  RotateWebhookSecretRequest,
  type Secret,
  TestWebhookEndpointRequest,
  UpdateWebhookEndpointRequest,
  WebhookEndpoint,
  WebhookEndpointId,
  WebhookEndpointList,
  WebhookEndpointTest,
  WebhookEndpointWithSecret,
} from '@genqueue/contract'
import { MAX_ENDPOINTS_PER_TEAM } from '@genqueue/jobs'
import { z } from 'zod'
import { checkWebhookUrl } from '../accept/caller-urls.ts'
import { noteChange } from '../access/admin-change.ts'
import { checkCallbackHost } from '../access/check-allowed.ts'
import { countAction } from '../access/request-rate.ts'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { unixSeconds } from '../patched.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json } from '../reply.ts'
import type { ApiContext, Caller, Route } from '../route.ts'
import { findEndpoint, foundEndpoint } from '../webhooks/find-endpoint.ts'
import { testEndpoint } from '../webhooks/test-endpoint.ts'

const EndpointListQuery = z.object({
  after: WebhookEndpointId.optional().meta({ description: 'The last_id of the page before' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
const TESTS_PER_SECOND = 5

/** A team's webhook endpoints, in the shapes of the openai SDK. */
export function webhookEndpointRoutes(deps: AppDeps): Route[] {
  const { endpoints, config, now = Date.now } = deps
  const base = { tag: 'Webhooks', errors: 'openai', scope: 'webhooks:manage' } as const
  const show = (record: EndpointRecord) => view(record, now())
  const withSecret = (record: EndpointRecord, secret: Secret): WebhookEndpointWithSecret => ({
    ...show(record),
    signing_secret: secret.reveal(),
  })
  const body = (c: ApiContext) => readJsonBody(c.req.raw, config.limits)
  const checkUrl = (url: string | undefined, caller: Caller) => {
    if (url === undefined) return
    checkWebhookUrl(url, config.egress, 'url')
    checkCallbackHost(caller, url, 'url')
  }
  const note = (caller: Caller, action: string, { id, name, url, subscriptions, status }: EndpointRecord) => {
    const detail = { team: caller.team, name, host: new URL(url).host, event_types: subscriptions, status }
    return noteChange(caller, deps, { action: `webhook_endpoint.${action}`, target: id, detail })
  }

  return [
    {
      ...base,
      method: 'POST',
      path: '/v1/webhook_endpoints',
      summary: 'Register a webhook endpoint',
      body: { schema: CreateWebhookEndpointRequest, multipart: false },
      answers: {
        200: { description: 'The endpoint and its secret, shown only here', schema: WebhookEndpointWithSecret },
      },
      async handle(c, caller) {
        const { name, url, event_types } = parseRequest(CreateWebhookEndpointRequest, await body(c))
        checkUrl(url, caller)
        const made = await endpoints.create(caller.team, { name, url, subscriptions: event_types })
        if (!made) {
          const message = `A team has at most ${MAX_ENDPOINTS_PER_TEAM} webhook endpoints; delete one first`
          throw new ProblemError('too_many_endpoints', message)
        }
        await note(caller, 'create', made.record)
        return json(200, withSecret(made.record, made.secret))
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/webhook_endpoints',
      summary: 'List webhook endpoints',
      query: EndpointListQuery,
      answers: { 200: { description: 'The newest first', schema: WebhookEndpointList } },
      async handle(c, { team }) {
        const { after, limit } = parseRequest(EndpointListQuery, c.req.query())
        const records = (await endpoints.list(team)).filter(({ id }) => after === undefined || id < after)
        const data = records.slice(0, limit).map(show)
        const page: WebhookEndpointList = {
          object: 'list',
          data,
          first_id: data[0]?.id ?? null,
          last_id: data.at(-1)?.id ?? null,
          has_more: records.length > limit,
        }
        return json(200, page)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/webhook_endpoints/:id',
      summary: 'Look at a webhook endpoint',
      answers: { 200: { description: 'All but its secret', schema: WebhookEndpoint } },
      handle: async (c, caller) => json(200, show(await findEndpoint(c, caller, deps))),
    },
    {
      ...base,
      method: 'POST',
      path: '/v1/webhook_endpoints/:id',
      summary: 'Change a webhook endpoint; what still waits for it goes by the change',
      body: { schema: UpdateWebhookEndpointRequest, multipart: false },
      answers: { 200: { description: 'The endpoint as it is now', schema: WebhookEndpoint } },
      async handle(c, caller) {
        const { id } = await findEndpoint(c, caller, deps)
        const change = parseRequest(UpdateWebhookEndpointRequest, await bodyOrNothing(c))
        checkUrl(change.url, caller)
        const record = foundEndpoint(
          await endpoints.update(caller.team, id, (before) => ({
            name: change.name ?? before.name,
            url: change.url ?? before.url,
            subscriptions: change.event_types ?? before.subscriptions,
            status: change.status ?? before.status,
          })),
        )
        await note(caller, 'update', record)
        return json(200, show(record))
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/v1/webhook_endpoints/:id',
      summary: 'Delete a webhook endpoint; what still waits for it is not sent',
      answers: { 200: { description: 'Deleted', schema: DeletedWebhookEndpoint } },
      async handle(c, caller) {
        const { id } = await findEndpoint(c, caller, deps)
        await note(caller, 'delete', foundEndpoint(await endpoints.remove(caller.team, id)))
        return json(200, { id, object: 'webhook_endpoint.deleted', deleted: true } satisfies DeletedWebhookEndpoint)
      },
    },
    {
      ...base,
      method: 'POST',
      path: '/v1/webhook_endpoints/:id/rotate_secret',
      summary: 'Give a webhook endpoint a new secret',
      body: { schema: RotateWebhookSecretRequest, multipart: false },
      answers: { 200: { description: 'The new secret, shown only here', schema: WebhookEndpointWithSecret } },
      async handle(c, caller) {
        const { id } = await findEndpoint(c, caller, deps)
        const request = parseRequest(RotateWebhookSecretRequest, await bodyOrNothing(c))
        const keepOld = request.keep_old_secret_active_for_24_hours
        const { record, secret } = foundEndpoint(await endpoints.rotate(caller.team, id, { keepOld }))
        await note(caller, 'rotate_secret', record)
        return json(200, withSecret(record, secret))
      },
    },
    {
      ...base,
      method: 'POST',
      path: '/v1/webhook_endpoints/:id/test',
      summary: 'Send a sample event to a webhook endpoint, once, and wait for its answer',
      body: { schema: TestWebhookEndpointRequest, multipart: false },
      answers: { 200: { description: 'What became of it', schema: WebhookEndpointTest } },
      async handle(c, caller) {
        const record = await findEndpoint(c, caller, deps)
        const { event_type } = parseRequest(TestWebhookEndpointRequest, await body(c))
        await countAction(caller, { name: 'webhook-tests', perSecond: TESTS_PER_SECOND }, deps)
        return json(200, await testEndpoint(record, event_type, caller, deps, c.req.raw.signal))
      },
    },
  ]

  /** The SDK sends no body when it has nothing to say. */
  async function bodyOrNothing(c: ApiContext) {
    return c.req.raw.headers.get('content-type') === null ? {} : body(c)
  }
}

function view(record: EndpointRecord, nowMs: number): WebhookEndpoint {
  const { id, name, url, subscriptions, status, disabledReason, hint, secrets, createdAtMs, updatedAtMs } = record
  const overlaps = secrets.flatMap(({ expiresAtMs = 0 }) => (expiresAtMs > nowMs ? [expiresAtMs] : []))
  return {
    id,
    object: 'webhook_endpoint',
    name,
    url,
    event_types: subscriptions,
    status,
    disabled_reason: disabledReason ?? null,
    signing_secret_hint: hint,
    old_secret_expires_at: overlaps.length === 0 ? null : unixSeconds(Math.max(...overlaps)),
    created_at: Math.floor(createdAtMs / 1000),
    updated_at: Math.floor(updatedAtMs / 1000),
  }
}
