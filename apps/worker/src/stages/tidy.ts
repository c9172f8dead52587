import { JobId } from '@genqueue/contract'
import type { Jobs } from '@genqueue/jobs'
import type { Storage } from '@genqueue/storage'
import type { Log } from '../log.ts'

const BATCH = 100

/** Jobs that have ended and whose stored inputs are still there; `forget` is called when they are gone. */
export type InputsToDelete = {
  next(limit: number): Promise<string[]>
  forget(id: string): Promise<void>
}

/** Deletes the stored inputs of jobs that have ended. Repeats harmlessly; what fails is left for the next tick. */
export async function tidyInputs(deps: {
  ended: InputsToDelete
  jobs: Jobs
  storage: Storage
  log: Log
}): Promise<number> {
  const { ended, jobs, storage, log } = deps
  const ids = await ended.next(BATCH)
  for (const id of ids) {
    try {
      const job = await jobs.get(JobId.parse(id))
      for (const input of job?.request.inputs ?? []) if (!input.kept) await storage.delete(input.key)
      await ended.forget(id)
    } catch (error) {
      log.warn({ err: error, jobId: id }, 'deleting inputs failed')
    }
  }
  return ids.length
}
