import type { Meter } from './metrics.ts'

/** What is read of the record of a job that has ended; times in milliseconds, by status. */
export type EndedJob = {
  provider: string
  kind: string
  status: 'succeeded' | 'failed' | 'canceled'
  times: Readonly<Partial<Record<string, number>>>
  request: { notBeforeMs?: number | undefined }
  error?: { code: string }
}

const PHASES = [
  ['queue', 'queued'],
  ['submit', 'submitting'],
  ['upstream', 'submitted'],
  ['copy', 'generated'],
] as const

/** Counts a job at its end. Phases are those of jobs that succeeded: others left theirs half way. */
export function countEnded(meter: Meter, { provider, kind, status, times, request, error }: EndedJob): void {
  meter.count('jobs_terminal_total', { provider, status, reason: error?.code ?? 'none' })
  const endMs = times[status] ?? 0
  // What its caller wanted to wait is no time of ours.
  const startMs = Math.max(times.queued ?? 0, request.notBeforeMs ?? 0)
  const observe = (phase: string, ms: number) =>
    meter.observe('job_duration_seconds', { provider, kind, phase }, Math.max(0, ms) / 1000)
  observe('total', endMs - startMs)
  if (status !== 'succeeded') return
  // A vendor that answers with the result has no phase of its own: it is in the submit.
  const passed = PHASES.flatMap(([phase, from]) => {
    const atMs = from === 'queued' ? startMs : times[from]
    return atMs === undefined ? [] : [{ phase, atMs }]
  })
  for (const [index, { phase, atMs }] of passed.entries()) observe(phase, (passed[index + 1]?.atMs ?? endMs) - atMs)
}
