import { JobId, ProblemError } from '@genqueue/contract'
import { type JobRecord, listJobs } from '@genqueue/jobs'
import { z } from 'zod'
import type { AppDeps } from './app-deps.ts'
import { parseRequest } from './invalid-request.ts'
import type { ApiContext } from './route.ts'

const UnixSeconds = z.coerce.number().int().min(0).max(100_000_000_000)

/** What both lists can be asked; each door adds its own filters. `metadata[key]=value` may stand beside it. */
export const ListQuery = z.object({
  after: JobId.optional().meta({ description: 'The last_id of the page before' }),
  limit: z.coerce.number().int().min(0).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By time of intake' }),
  model: z.string().max(200).optional(),
  created_after: UnixSeconds.optional().meta({ description: 'Unix seconds; made then or later' }),
  created_before: UnixSeconds.optional().meta({ description: 'Unix seconds; made before then' }),
})
export type ListQuery = z.infer<typeof ListQuery>

const METADATA = /^metadata\[(.{1,64})\]$/
/** Pages the search may go through for a filter that matches little, before the caller has to go on from `last_id`. */
const MAX_EMPTY_PAGES = 5

/** A page of the team's jobs as the query asks, each as `view` shows it. */
export async function listPage<Query extends ListQuery, Item>(
  c: ApiContext,
  team: string,
  deps: AppDeps,
  schema: z.ZodType<Query>,
  door: { matches(job: JobRecord, query: Query): boolean; view(job: JobRecord): Item & { id: string } },
) {
  const { query, metadata } = readQuery(c, schema)
  const match = (job: JobRecord) => matchesAll(job, query, metadata) && door.matches(job, query)
  const { limit, order } = query
  let page = await listJobs(deps, team, { after: query.after, limit, order, match })
  for (let tries = 1; limit > 0 && page.jobs.length === 0 && page.hasMore && tries < MAX_EMPTY_PAGES; tries += 1) {
    page = await listJobs(deps, team, { after: page.lastId, limit, order, match })
  }
  const data = page.jobs.map((job) => door.view(job))
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: (page.hasMore ? page.lastId : data.at(-1)?.id) ?? null,
    has_more: page.hasMore,
  }
}

function readQuery<Query>(c: ApiContext, schema: z.ZodType<Query>) {
  const values: Record<string, string> = {}
  const metadata: [string, string][] = []
  for (const [name, value] of new URL(c.req.url).searchParams) {
    const [, key] = METADATA.exec(name) ?? []
    if (key !== undefined) metadata.push([key, value])
    else if (value !== '') values[name] = value
  }
  if (metadata.length > 16)
    throw new ProblemError('invalid_request', 'metadata has at most 16 pairs', { param: 'metadata' })
  return { query: parseRequest(schema, values), metadata }
}

function matchesAll(job: JobRecord, query: ListQuery, metadata: readonly (readonly [string, string])[]): boolean {
  const createdAt = Math.floor((job.times.queued ?? 0) / 1000)
  const { model, created_after: from, created_before: until } = query
  return (
    (model === undefined || model === job.model || model === `${job.provider}/${job.model}`) &&
    (from === undefined || createdAt >= from) &&
    (until === undefined || createdAt < until) &&
    metadata.every(([key, value]) => job.request.metadata[key] === value)
  )
}
