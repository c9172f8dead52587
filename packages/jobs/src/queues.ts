import type { ProviderName } from '@genqueue/contract'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import type { JobRecord } from './record.ts'

/** `wait-…` holds the creates whose caller waits: they may take as long as the work, and must not hold up the others. */
export type QueueName = `${'submit' | 'wait'}-${ProviderName}` | 'copy' | 'reconcile'

/** What every message carries: whom to look at. What to do stands in the record. */
export type Message = { id: string }

export type SendOptions = { delayMs?: number | undefined; priority?: number | undefined }

/** Sends messages. A message may be late, repeated or without a record; then its stage finds nothing to do. */
export type Queues = {
  /** Idempotent while the earlier message with the same key is still there. */
  send(queue: QueueName, id: string, key: string, options?: SendOptions): Promise<void>
  /** Makes the reconcile tick; the same call from many workers makes one schedule. */
  scheduleReconcile(everyMs: number, options?: { onlyIfLost?: boolean }): Promise<void>
  close(): Promise<void>
}

/**
 * Queues on the given connection, so that a message sent after a script on it is executed after it.
 * Nothing is kept of finished messages: the record is what remains, and a failed one must not block its own return.
 */
export function openQueues(redis: Redis, keys: Keys): Queues {
  const open = new Map<QueueName, Queue<Message>>()
  const queue = (name: QueueName) => {
    const known = open.get(name)
    if (known) return known
    const made = new Queue<Message>(name, {
      connection: redis,
      prefix: keys.bullmq,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    })
    // Connection errors are the owner's to log; without a listener they would end the process.
    made.on('error', () => {})
    open.set(name, made)
    return made
  }
  return {
    async send(name, id, key, { delayMs, priority } = {}) {
      await queue(name).add(
        name,
        { id },
        { jobId: key, ...(delayMs && { delay: delayMs }), ...(priority && { priority }) },
      )
    },
    async scheduleReconcile(everyMs, { onlyIfLost = false } = {}) {
      // Each tick makes the next one: a Redis that has forgotten one never ticks again.
      const last = onlyIfLost ? await queue('reconcile').getJobScheduler('reconcile') : undefined
      if ((last?.next ?? 0) > Date.now() - LOST_AFTER_TICKS * everyMs) return
      await queue('reconcile').upsertJobScheduler(
        'reconcile',
        { every: everyMs },
        { name: 'reconcile', data: { id: '' } },
      )
    },
    async close() {
      await Promise.all([...open.values()].map((each) => each.close()))
    },
  }
}

const LOST_AFTER_TICKS = 5

/** Where a job waits for its submission. */
export function submitQueue({ provider, request }: Pick<JobRecord, 'provider' | 'request'>): QueueName {
  return `${request.waits ? 'wait' : 'submit'}-${provider}`
}
