import type { JobStatus } from '@genqueue/contract'

/** The kinds of work a job can call for; `notify` belongs to deliveries, which outlive the job's own life. */
export type Stage = 'submit' | 'poll' | 'copy'

/**
 * The only place that knows what follows what. A status is a fact that already holds; `stage` is the work it calls
 * for, `to` is what may be true next. `docs/lifecycle.md` draws this table and a test holds the drawing to it.
 */
export const LIFECYCLE = {
  /** Accepted and paid nothing. `submitted` follows directly when the late answer of a lost attempt comes in. */
  queued: { stage: 'submit', to: ['submitting', 'submitted', 'failed', 'canceled'] },
  /** The create is about to be sent, or was: nobody may send it blindly now. Its answer may be the finished work. */
  submitting: { stage: 'submit', to: ['queued', 'submitted', 'generated', 'ambiguous', 'failed', 'canceled'] },
  /** The create may have been accepted, and its answer is lost. */
  ambiguous: { stage: 'submit', to: ['queued', 'submitted', 'failed', 'canceled'] },
  /** The vendor gave a task id. */
  submitted: { stage: 'poll', to: ['generated', 'failed', 'canceled'] },
  /** The vendor has finished; the files are still only there. */
  generated: { stage: 'copy', to: ['succeeded', 'failed', 'canceled'] },
  /** Every output lies in the bucket with its bytes and hash recorded. */
  succeeded: { stage: null, to: [] },
  failed: { stage: null, to: [] },
  canceled: { stage: null, to: [] },
} as const satisfies Record<JobStatus, { stage: Stage | null; to: readonly JobStatus[] }>

/** Whether a job in this status may go to `to` directly. */
export function mayBecome(status: JobStatus, to: JobStatus): boolean {
  const next: readonly JobStatus[] = LIFECYCLE[status].to
  return next.includes(to)
}
