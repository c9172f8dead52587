import { JobId, ProblemError } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'
import type { AppDeps } from './app-deps.ts'
import type { ApiContext, Caller } from './route.ts'

/** The job of the path. Another team's, one of another kind and one that never was are the same: not found. */
export async function findJob(
  c: ApiContext,
  { team }: Caller,
  { jobs }: AppDeps,
  isShown: (job: JobRecord) => boolean = () => true,
): Promise<JobRecord> {
  const id = JobId.safeParse(c.req.param('id'))
  const job = id.success ? await jobs.get(id.data) : undefined
  if (!job || job.team !== team || !isShown(job)) {
    throw new ProblemError('not_found', 'There is no job with this id', { param: 'id' })
  }
  return job
}
