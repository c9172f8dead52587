import type { JobRecord, LeasedTask, QueueName } from '@genqueue/jobs'
import type { PollOutcome } from '@genqueue/providers'
import { jobAttributes, messageAttributes, type Tracing } from '@genqueue/tracing'
import type { StageOutcome } from './stages/outcome.ts'

/** Other notes may say what a vendor said. */
const CODE = /^[a-z_]{1,40}$/

type RunJob = (job: JobRecord) => Promise<StageOutcome>

/** Shows a stage's runs in the traces of their jobs; those that called nobody and ended nothing are left out. */
export function traceStage(queue: QueueName, run: RunJob, tracing: Tracing | undefined): RunJob {
  if (tracing === undefined) return run
  return (job) => {
    const attributes = {
      ...jobAttributes(job),
      ...messageAttributes('process', queue, job.id),
      'genqueue.status': job.status,
      'genqueue.submits': job.submits,
    }
    return tracing.step(
      `process ${queue}`,
      { kind: 'consumer', parent: job.traceparent, isQuiet: true, attributes },
      async (step) => {
        const outcome = await run(job)
        const { kind, note } = outcome
        step.set({ 'genqueue.outcome': kind, 'genqueue.note': CODE.test(note) ? note : undefined })
        return outcome
      },
    )
  }
}

type Looks = { provider: string; startedAtMs: number; outcomeOf?: (task: LeasedTask) => PollOutcome }
type Settle = (task: LeasedTask) => Promise<void>

/** Shows a look in the trace of its job, if it saw something new or had something done: most looks are like the last. */
export function traceLooks(settle: Settle, { provider, startedAtMs, outcomeOf }: Looks, tracing: Tracing): Settle {
  return (task) => {
    const outcome = outcomeOf?.(task)
    const attributes = {
      'genqueue.job.id': task.id,
      'genqueue.team': task.team,
      'genqueue.polls': task.polls + 1,
      'genqueue.outcome': outcome?.kind ?? 'cancel',
      'gen_ai.provider.name': provider,
      'gen_ai.response.id': task.taskId,
      ...(outcome?.kind === 'waiting' && { 'genqueue.upstream_status': outcome.upstreamStatus }),
    }
    return tracing.step(
      `look at ${provider}`,
      { kind: 'internal', parent: task.traceparent, isQuiet: true, startedAtMs, attributes },
      async (step) => {
        if (outcome && isNews(task, outcome)) {
          step.keep()
          if (outcome.kind === 'error') step.fail(outcome.reason)
        }
        await settle(task)
      },
    )
  }
}

/** Of failures in a row, only the first is. */
function isNews(task: LeasedTask, outcome: PollOutcome): boolean {
  switch (outcome.kind) {
    case 'waiting':
      return outcome.upstreamStatus !== task.upstreamStatus || task.pollErrors > 0
    case 'error':
      return task.pollErrors === 0
    case 'missing':
      return task.misses === 0
    default:
      return true
  }
}
