import type { ApiKeyRecord, ApiKeySettings } from '@genqueue/accounts'
import {
  type ApiKey,
  ApiKeyId,
  ApiKeyList,
  ApiKey as ApiKeySchema,
  CreateApiKeyRequest,
  DeletedApiKey,
  NewApiKey,
  PatchApiKeyRequest,
  ProblemError,
  RotateApiKeyRequest,
  TeamId,
} from '@genqueue/contract'
import { z } from 'zod'
import { noteChange } from '../access/admin-change.ts'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { held, patched, unixSeconds } from '../patched.ts'
import { readJsonBody } from '../read-json-body.ts'
import { json } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'

const KeyListQuery = z.object({
  team: TeamId.optional(),
  after: ApiKeyId.optional().meta({ description: 'The last_id of the page before' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
const USUAL_SCOPES: ApiKeySettings['scopes'] = ['jobs:create', 'jobs:read', 'jobs:cancel']

/** The API keys of all teams. Whoever may do this may do everything: a key can be made with any scope. */
export function keyRoutes(deps: AppDeps): Route[] {
  const { apiKeys, config, now = Date.now } = deps
  const base = { tag: 'Admin', errors: 'problem', scope: 'keys:admin' } as const
  const body = (c: ApiContext) => readJsonBody(c.req.raw, config.limits)
  const show = async (record: ApiKeyRecord) => view(record, (await apiKeys.lastUses([record.id]))[0], now())

  return [
    {
      ...base,
      method: 'POST',
      path: '/api/keys',
      summary: 'Make an API key',
      body: { schema: CreateApiKeyRequest, multipart: false },
      answers: { 201: { description: 'The key; only this answer holds it', schema: NewApiKey } },
      async handle(c, caller) {
        const {
          team = caller.team,
          name,
          scopes,
          limits = {},
          ...rest
        } = parseRequest(CreateApiKeyRequest, await body(c))
        const { callback_hosts: callbackHosts, expires_at: expiresAt, models, providers } = rest
        const settings: ApiKeySettings = {
          name,
          scopes: scopes ?? USUAL_SCOPES,
          limits,
          allowed: held({ models, providers, callbackHosts }),
          ...(expiresAt !== undefined && { expiresAtMs: inFuture(expiresAt, now()) }),
        }
        const made = await apiKeys.create({ ...settings, team, createdBy: caller.actor })
        if (!made)
          throw new ProblemError('invalid_request', `There is no team ${team}; make it first`, { param: 'team' })
        const { record, secret } = made
        await noteChange(caller, deps, { action: 'key.create', target: record.id, detail: detailOf(record) })
        return json(201, { ...view(record, undefined, now()), key: secret.reveal() } satisfies NewApiKey)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/api/keys',
      summary: 'List API keys',
      query: KeyListQuery,
      answers: { 200: { description: 'A page in order of creation', schema: ApiKeyList } },
      async handle(c) {
        const { records, hasMore } = await apiKeys.list(parseRequest(KeyListQuery, c.req.query()))
        const uses = await apiKeys.lastUses(records.map(({ id }) => id))
        const data = records.map((record, index) => view(record, uses[index], now()))
        const page = { object: 'list', data, has_more: hasMore, last_id: data.at(-1)?.id ?? null } as const
        return json(200, page satisfies ApiKeyList)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/api/keys/:id',
      summary: 'Look at an API key',
      answers: { 200: { description: 'All but the key itself', schema: ApiKeySchema } },
      handle: async (c) => json(200, await show(found(await apiKeys.get(idOf(c))))),
    },
    {
      ...base,
      method: 'PATCH',
      path: '/api/keys/:id',
      summary: 'Change an API key; holds everywhere within a second',
      body: { schema: PatchApiKeyRequest, multipart: false },
      answers: { 200: { description: 'The key as it is now', schema: ApiKeySchema } },
      async handle(c, caller) {
        const change = parseRequest(PatchApiKeyRequest, await body(c))
        const { name, scopes, models, providers, callback_hosts: callbackHosts, limits, expires_at: expiresAt } = change
        const expiresAtMs = typeof expiresAt === 'number' ? inFuture(expiresAt, now()) : expiresAt
        const record = found(
          await apiKeys.update(idOf(c), (before) => ({
            name: name ?? before.name,
            scopes: scopes ?? before.scopes,
            limits: limits === undefined ? before.limits : (limits ?? {}),
            allowed: patched(before.allowed, { models, providers, callbackHosts }),
            ...patched({ expiresAtMs: before.expiresAtMs }, { expiresAtMs }),
          })),
        )
        await noteChange(caller, deps, { action: 'key.update', target: record.id, detail: detailOf(record) })
        return json(200, await show(record))
      },
    },
    {
      ...base,
      method: 'POST',
      path: '/api/keys/:id/rotate',
      summary: 'Give an API key a new secret; the old one works until the overlap ends',
      body: { schema: RotateApiKeyRequest, multipart: false },
      answers: { 200: { description: 'The new key; only this answer holds it', schema: NewApiKey } },
      async handle(c, caller) {
        const isEmpty = c.req.raw.headers.get('content-type') === null
        const { overlap_seconds } = parseRequest(RotateApiKeyRequest, isEmpty ? {} : await body(c))
        const { record, secret } = found(await apiKeys.rotate(idOf(c), { overlapMs: overlap_seconds * 1000 }))
        const detail = { team: record.team, overlap_seconds }
        await noteChange(caller, deps, { action: 'key.rotate', target: record.id, detail })
        return json(200, { ...(await show(record)), key: secret.reveal() } satisfies NewApiKey)
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/api/keys/:id',
      summary: 'Revoke an API key; no process takes it a second later',
      answers: { 200: { description: 'Revoked', schema: DeletedApiKey } },
      async handle(c, caller) {
        const { id, team, name } = found(await apiKeys.revoke(idOf(c)))
        await noteChange(caller, deps, { action: 'key.revoke', target: id, detail: { team, name } })
        return json(200, { id, object: 'api_key', deleted: true } satisfies DeletedApiKey)
      },
    },
  ]
}

function idOf(c: ApiContext): string {
  return c.req.param('id') ?? ''
}

function found<Value>(value: Value | undefined): Value {
  if (value !== undefined) return value
  throw new ProblemError('not_found', 'There is no API key with this id', { param: 'id' })
}

function inFuture(seconds: number, nowMs: number): number {
  if (seconds * 1000 > nowMs) return seconds * 1000
  throw new ProblemError('invalid_request', 'expires_at must be in the future', { param: 'expires_at' })
}

function view(record: ApiKeyRecord, usedAtMs: number | undefined, nowMs: number): ApiKey {
  const { id, team, name, hint, scopes, allowed, limits, secrets, expiresAtMs, createdAtMs, createdBy } = record
  const overlaps = secrets.flatMap(({ untilMs }) => (untilMs !== undefined && untilMs > nowMs ? [untilMs] : []))
  return {
    id,
    object: 'api_key',
    team,
    name,
    hint,
    scopes,
    models: allowed.models ?? null,
    providers: allowed.providers ?? null,
    callback_hosts: allowed.callbackHosts ?? null,
    limits,
    expires_at: unixSeconds(expiresAtMs),
    created_at: Math.floor(createdAtMs / 1000),
    created_by: createdBy,
    last_used_at: unixSeconds(usedAtMs),
    previous_valid_until: overlaps.length === 0 ? null : unixSeconds(Math.max(...overlaps)),
  }
}

function detailOf({ team, name, scopes, allowed, limits, expiresAtMs }: ApiKeyRecord): Record<string, unknown> {
  return { team, name, scopes, allowed, limits, ...(expiresAtMs !== undefined && { expires_at_ms: expiresAtMs }) }
}
