import { isTerminal } from '@genqueue/contract'
import { type JobRecord, outputsOf } from '@genqueue/jobs'
import type { AppDeps } from './app-deps.ts'

/**
 * Ends an open job; removes what an ended one left: outputs, inputs, then the record, so that a removal cut short can
 * be asked for again.
 */
export async function removeJob(
  job: JobRecord,
  { jobs, storage }: Pick<AppDeps, 'jobs' | 'storage'>,
): Promise<'canceled' | 'requested' | 'removed'> {
  if (!isTerminal(job.status)) {
    const outcome = await jobs.cancel(job)
    if (outcome === 'canceled' || outcome === 'requested') return outcome
    const current = await jobs.get(job.id)
    return current ? removeJob(current, { jobs, storage }) : 'removed'
  }
  const files = [...outputsOf(job), ...job.request.inputs.filter(({ kept }) => !kept)]
  await Promise.all(files.map(({ key }) => storage.delete(key)))
  await jobs.remove(job)
  return 'removed'
}
