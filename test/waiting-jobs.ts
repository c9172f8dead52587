import type { JobId } from '@genqueue/contract'
import { createKeys, Jobs, type NewJob, openQueues } from '@genqueue/jobs'
import { kindOf } from '@genqueue/providers'
import { Redis } from 'ioredis'
import type { House } from './house.ts'

export type WaitingJobs = {
  /** Accepts a task of Runware's whose caller waits for its end, as the image door does. */
  accept(operation: string, input: Record<string, unknown>, request?: Partial<NewJob['request']>): Promise<JobId>
  /** Resolves when the end of the job is told to those who wait. */
  told(id: JobId): Promise<void>
  close(): Promise<void>
}

export const IMAGE = { model: 'runware:101@1', width: 512, height: 512 }

/** A second intake beside the API, which says that somebody waits. */
export async function openWaitingJobs(house: House): Promise<WaitingJobs> {
  const redis = new Redis(house.redis.url, { maxRetriesPerRequest: null })
  const subscriber = redis.duplicate()
  const keys = createKeys(house.env.KEY_PREFIX)
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: house.env.PUBLIC_URL ?? '' })
  const told = new Map<string, PromiseWithResolvers<void>>()
  const tellingOf = (id: string) => {
    const known = told.get(id) ?? Promise.withResolvers<void>()
    told.set(id, known)
    return known
  }
  subscriber.on('message', (_, id) => tellingOf(id).resolve())
  await subscriber.subscribe(keys.ended)
  return {
    async accept(operation, input, request = {}) {
      const outcome = await jobs.accept({
        team: 'default',
        provider: 'runware',
        operation,
        kind: kindOf('runware', operation, input),
        door: 'jobs',
        request: {
          body: input,
          display: {},
          metadata: {},
          webhookUrl: `${house.simulator.receiver.url}/hook`,
          onSubmissionUnknown: 'fail',
          deadlines: { queueMs: 60_000, throttledMs: 60_000, runningMs: 60_000 },
          retentionMs: 600_000,
          inputs: [],
          waits: true,
          ...(typeof input.numberResults === 'number' && { results: input.numberResults }),
          ...request,
        },
      })
      if (outcome.kind !== 'created') throw new Error(`expected a new job, got ${outcome.kind}`)
      return outcome.job.id
    },
    told: (id) => tellingOf(id).promise,
    async close() {
      await queues.close()
      redis.disconnect()
      subscriber.disconnect()
    },
  }
}
