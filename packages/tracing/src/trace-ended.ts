import { jobAttributes, type TracedJob } from './job-attributes.ts'
import type { Tracing } from './tracing.ts'

/** What is read of the record of a job that has ended; times in milliseconds, by status. */
export type EndedJob = TracedJob & {
  status: string
  traceparent?: string | undefined
  times: Readonly<Partial<Record<string, number>>>
  error?: { code: string }
}

/** Marks the moment in which a job ended, and how. */
export function traceEnded(tracing: Tracing | undefined, job: EndedJob): void {
  if (tracing === undefined) return
  const { status, traceparent, times, error } = job
  const durationMs = (times[status] ?? 0) - (times['queued'] ?? 0)
  const step = tracing.begin('job ended', {
    kind: 'internal',
    parent: traceparent,
    attributes: { ...jobAttributes(job), 'genqueue.status': status, 'genqueue.duration_ms': durationMs },
  })
  if (error) step.fail(error.code)
  step.end()
}
