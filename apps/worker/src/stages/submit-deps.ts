import type { JobError } from '@genqueue/contract'
import type { JobRecord, Jobs, Submissions, Turns } from '@genqueue/jobs'
import type { Meter } from '@genqueue/metrics'
import type { Provider, VendorBody } from '@genqueue/providers'
import type { KeyRing, ProviderKey } from '../key-ring.ts'
import type { Log } from '../log.ts'
import type { Semaphore } from '../semaphore.ts'

export type PreparedBody =
  | { kind: 'ready'; body: VendorBody }
  | { kind: 'ended'; error: JobError }
  | { kind: 'later'; delayMs: number; detail: string }

export type SubmitDeps = {
  jobs: Jobs
  submissions: Submissions
  turns: Turns
  provider: Provider
  keyRing: KeyRing
  /** One permit per socket, taken before the intent is recorded. */
  sockets: Semaphore
  prepare: (job: JobRecord, key: ProviderKey) => Promise<PreparedBody>
  firstLookMs: number
  submitTimeoutMs: number
  /** For a create whose answer is the result. */
  waitTimeoutMs: number
  pollTimeoutMs: number
  /** Aborts when the process must end: no answer is waited for any longer. */
  handBack: AbortSignal
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  meter?: Meter
  now: () => number
  random: () => number
}
