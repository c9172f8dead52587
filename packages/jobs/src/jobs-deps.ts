import type { Redis } from 'ioredis'
import type { Durability } from './durability.ts'
import type { Keys } from './keys.ts'
import type { QueueName, Queues } from './queues.ts'
import type { EndedRecord } from './settlement.ts'

/** A job in its stage this long without a change is looked at by reconcile. */
export type ReconcileAfter = { submitMs: number; pollMs: number; copyMs: number }

export type JobsDeps = {
  /** Scripts and messages share this connection: Redis keeps their order. */
  redis: Redis
  queues: Queues
  keys: Keys
  /** Where callers reach the API; goes into webhook bodies. */
  publicUrl: string
  reconcileAfter?: ReconcileAfter
  /** Told when a job has left a lane in which others wait, so that the next need not wait for the feeder's next look. */
  onRoom?: (queue: QueueName) => void
  /** Told when a job has ended and there are webhooks to send. */
  onNews?: () => void
  /** Told of every job that this process has ended. */
  onEnded?: (ended: EndedRecord) => void
  /** What a job must survive before it counts as accepted; `LOCAL` unless given. */
  durability?: Durability
  now?: () => number
}
