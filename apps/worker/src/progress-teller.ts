import { isProgressNews, type Jobs, type LeasedTask, type Looks } from '@genqueue/jobs'
import type { Log } from './log.ts'

export type ProgressTellerDeps = {
  jobs: Pick<Jobs, 'tellProgress'>
  /** Whether an endpoint of the team asked for progress; known without asking Redis at every look. */
  isAskedBy: (team: string) => Promise<boolean>
  /** At most one event of a job in so long. */
  everyMs: number
  log: Log
  now: () => number
}

/** Tells those who asked how far tasks are. What nobody asked about costs a comparison; never rejects. */
export function progressTeller({ jobs, isAskedBy, everyMs, log, now }: ProgressTellerDeps) {
  return async (task: LeasedTask, learned: Partial<Looks>): Promise<void> => {
    const looks: Looks = { ...task, ...learned }
    if (!isProgressNews(task.told, looks, now(), everyMs)) return
    try {
      if (task.told !== undefined || (await isAskedBy(task.team))) await jobs.tellProgress(task, looks)
    } catch (error) {
      log.warn({ err: error, jobId: task.id }, 'telling of progress failed')
    }
  }
}
