import { z } from 'zod'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

const AuditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z
    .string()
    .regex(/^\d{1,16}-\d{1,16}$/, 'must be the last_id of a page')
    .optional()
    .meta({ description: 'The last_id of the page before' }),
})

const Entry = z.object({
  id: z.string(),
  object: z.literal('audit_entry'),
  at: z.iso.datetime(),
  actor: z.string().meta({ description: 'The id of a key, `environment`, `environment:<team>` or `keyless`' }),
  action: z.string(),
  target: z.string(),
  detail: z.record(z.string(), z.unknown()).nullable(),
  request_id: z.string().nullable(),
})
const AuditPage = z.object({
  object: z.literal('list'),
  data: z.array(Entry),
  has_more: z.boolean(),
  last_id: z.string().nullable(),
})

/** What administrators did. */
export function auditRoutes({ auditLog }: AppDeps): Route[] {
  return [
    {
      tag: 'Admin',
      errors: 'problem',
      method: 'GET',
      path: '/api/audit',
      scope: 'keys:admin',
      summary: 'What administrators did, newest first',
      query: AuditQuery,
      answers: { 200: { description: 'A page of the last 10,000 or so changes', schema: AuditPage } },
      async handle(c) {
        const { entries, hasMore } = await auditLog.list(parseRequest(AuditQuery, c.req.query()))
        const data = entries.map(({ id, actor, action, target, detail, requestId, atMs }) => ({
          id,
          object: 'audit_entry' as const,
          at: new Date(atMs).toISOString(),
          actor,
          action,
          target,
          detail: detail ?? null,
          request_id: requestId ?? null,
        }))
        const page = { object: 'list', data, has_more: hasMore, last_id: data.at(-1)?.id ?? null } as const
        return json(200, page satisfies z.infer<typeof AuditPage>)
      },
    },
  ]
}
