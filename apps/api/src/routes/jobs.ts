import {
  CreateJobRequest,
  isTerminal,
  JobKind,
  JobList,
  JobResource,
  JobStatus,
  ProviderName,
} from '@genqueue/contract'
import { type JobRecord, jobResource, outputsOf } from '@genqueue/jobs'
import { z } from 'zod'
import { acceptJob, REPLAYED } from '../accept/accept-job.ts'
import type { AppDeps } from '../app-deps.ts'
import { preferredWait } from '../events/wait-for-end.ts'
import { CONTENT_ANSWERS, serveOutput } from '../files/serve-output.ts'
import { findJob } from '../find-job.ts'
import { ListQuery, listPage } from '../list-query.ts'
import { removeJob } from '../remove-job.ts'
import { json, type Reply } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'
import { draftJob } from './create-job.ts'

const JobListQuery = ListQuery.extend({
  status: JobStatus.optional(),
  provider: ProviderName.optional(),
  operation: z.string().max(64).optional(),
  kind: JobKind.optional(),
})
const PREFER = { Prefer: 'wait=N: answer when the job has ended, after N seconds (at most 60) at the latest' }
const ENDED_OR_NOT = {
  200: { description: 'The job, ended', schema: JobResource },
  202: { description: 'The job, still on its way', schema: JobResource },
}

/** The service's own API: every operation of a vendor, by the vendor's own body. */
export function jobRoutes(deps: AppDeps): Route[] {
  const { jobs, waits, publicUrl, closing } = deps
  const show = (job: JobRecord) => jobResource(job, publicUrl)
  const base = { tag: 'Jobs', errors: 'problem' } as const

  /** The job once it has ended, or as it is when the caller's patience is over. */
  const waited = async (
    c: ApiContext,
    job: JobRecord,
  ): Promise<{ job: JobRecord; headers: Record<string, string> }> => {
    const waitSeconds = preferredWait(c.req.raw.headers.get('prefer'))
    if (waitSeconds === undefined || isTerminal(job.status)) return { job, headers: {} }
    const signals = [c.req.raw.signal, closing]
    const seen = await waits.wait(job.id, { timeoutMs: waitSeconds * 1000, signals })
    return seen ? { job: seen, headers: { 'preference-applied': `wait=${waitSeconds}` } } : { job, headers: {} }
  }

  return [
    {
      ...base,
      method: 'POST',
      path: '/v1/jobs',
      scope: 'jobs:create',
      summary: 'Make a job',
      headers: { 'Idempotency-Key': 'Makes the same job however often the request is sent', ...PREFER },
      body: { schema: CreateJobRequest, multipart: false },
      answers: ENDED_OR_NOT,
      async handle(c, caller) {
        const { job, isReplay } = await acceptJob(
          c,
          caller,
          deps,
          draftJob(deps, c.req.raw.headers.get('idempotency-key')),
        )
        const { job: seen, headers } = await waited(c, job)
        const location = `/v1/jobs/${job.id}`
        const hasEnded = 'preference-applied' in headers && isTerminal(seen.status)
        return json(hasEnded ? 200 : 202, show(seen), { location, ...headers, ...(isReplay && REPLAYED) })
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/jobs',
      scope: 'jobs:read',
      summary: 'List jobs',
      query: JobListQuery,
      answers: { 200: { description: "A page of the team's jobs, whatever door they came in by", schema: JobList } },
      async handle(c, { team }) {
        const matches = (job: JobRecord, { status, provider, operation, kind }: z.infer<typeof JobListQuery>) =>
          (status === undefined || status === job.status) &&
          (provider === undefined || provider === job.provider) &&
          (operation === undefined || operation === job.operation) &&
          (kind === undefined || kind === job.kind)
        return json(200, await listPage(c, team, deps, JobListQuery, { matches, view: show }))
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/jobs/:id',
      scope: 'jobs:read',
      summary: 'Look at a job',
      headers: PREFER,
      answers: { 200: { description: 'The job', schema: JobResource } },
      async handle(c, caller) {
        const { job, headers } = await waited(c, await findJob(c, caller, deps))
        return json(200, show(job), headers)
      },
    },
    {
      ...base,
      method: 'POST',
      path: '/v1/jobs/:id/cancel',
      scope: 'jobs:cancel',
      summary: 'Cancel a job',
      answers: {
        200: { description: 'Canceled, or ended before', schema: JobResource },
        202: { description: 'The vendor is being asked to stop', schema: JobResource },
      },
      async handle(c, caller) {
        const job = await findJob(c, caller, deps)
        const outcome = await jobs.cancel(job)
        return answerCancel(outcome === 'requested' ? 202 : 200, c, caller)
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/v1/jobs/:id',
      scope: 'jobs:cancel',
      summary: 'Cancel an open job; remove an ended one with its files',
      answers: {
        200: { description: 'Canceled', schema: JobResource },
        202: { description: 'The vendor is being asked to stop', schema: JobResource },
        204: { description: 'Removed' },
      },
      async handle(c, caller) {
        const outcome = await removeJob(await findJob(c, caller, deps), deps)
        return outcome === 'removed' ? { status: 204 } : answerCancel(outcome === 'requested' ? 202 : 200, c, caller)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/jobs/:id/outputs/:index',
      scope: 'jobs:read',
      summary: 'Download an output',
      answers: CONTENT_ANSWERS,
      async handle(c, caller) {
        const index = c.req.param('index')
        const job = await findJob(c, caller, deps)
        return serveOutput(c, deps, job, () => outputsOf(job).find((output) => String(output.index) === index))
      },
    },
  ]

  async function answerCancel(status: number, c: ApiContext, caller: Parameters<Route['handle']>[1]): Promise<Reply> {
    return json(status, show(await findJob(c, caller, deps)))
  }
}
