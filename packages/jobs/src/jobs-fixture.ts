import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import type { NewJob } from './accept-job.ts'
import { Jobs } from './jobs.ts'
import { createKeys } from './keys.ts'
import { Outbox } from './outbox.ts'
import { PollSchedule } from './poll-schedule.ts'
import { openQueues } from './queues.ts'
import type { JobRecord } from './record.ts'
import { Submissions } from './submissions.ts'
import { Turns } from './turns.ts'

/** The jobs on a real Redis of their own, under a prefix of their own. */
export async function openJobs() {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const redis = new Redis(server.url, { maxRetriesPerRequest: null })
  const keys = createKeys(`{t${randomBytes(4).toString('hex')}}`)
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
  const reconcileAfter = { submitMs: 1_000, pollMs: 1_000, copyMs: 1_000 }
  return {
    redis,
    keys,
    queues,
    jobs,
    server,
    turns: new Turns({ redis, keys, queues, reconcileAfter, now: Date.now }),
    submissions: new Submissions({ redis, keys, reconcileAfter }),
    schedule: new PollSchedule({ redis, keys, provider: 'runway' }),
    outbox: new Outbox({ redis, keys }),
    /** The same outbox some days later. */
    outboxIn: (clockOffsetMs: number) => new Outbox({ redis, keys, clockOffsetMs }),
    /** The same jobs by another clock. */
    jobsAt: (now: () => number) => new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example', now }),
    async close() {
      await queues.close()
      redis.disconnect()
      await server.stop()
    },
  }
}

export function newJob(
  parts: Partial<NewJob> & { webhookUrl?: string; onSubmissionUnknown?: 'resubmit' } = {},
): NewJob {
  const { webhookUrl, onSubmissionUnknown = 'fail', ...rest } = parts
  return {
    team: 'default',
    provider: 'runway',
    operation: 'text_to_video',
    model: 'gen4.5',
    kind: 'video',
    door: 'jobs',
    request: {
      body: { model: 'gen4.5', promptText: 'a lake' },
      display: { prompt: 'a lake' },
      metadata: {},
      ...(webhookUrl && { webhookUrl }),
      onSubmissionUnknown,
      deadlines: { queueMs: 60_000, throttledMs: 60_000, runningMs: 60_000 },
      retentionMs: 60_000,
      inputs: [],
    },
    ...rest,
  }
}

export type OpenJobs = Awaited<ReturnType<typeof openJobs>>

/** A job accepted by the queue, as its record says. */
export async function acceptJob({ jobs }: OpenJobs, job: NewJob = newJob()): Promise<JobRecord> {
  const outcome = await jobs.accept(job)
  if (outcome.kind !== 'created') throw new Error(`expected a new job, got ${outcome.kind}`)
  return outcome.job
}

/** A job whose create was answered with this task id. */
export async function submitJob(house: OpenJobs, taskId: string, job?: NewJob): Promise<JobRecord> {
  const accepted = await acceptJob(house, job)
  const begun = await house.submissions.begin(accepted, 'key-1')
  if (begun.kind !== 'begun') throw new Error(`expected to begin, got ${begun.kind}`)
  await house.submissions.accepted(accepted, { fence: begun.fence, providerKeyId: 'key-1', taskId, firstLookMs: 0 })
  return house.jobs.get(accepted.id).then((found) => {
    if (!found) throw new Error('the job is gone')
    return found
  })
}
