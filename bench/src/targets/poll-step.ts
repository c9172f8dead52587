import { DelayedError, type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { look, REDIS_URL, tellPolls } from './poll-tally.ts'

/** BullMQ's own pattern for waiting: every look delays its job until the next one. */
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const process = async (job: Job<{ polls: number }>, token?: string) => {
  const waitMs = look()
  await job.updateData({ polls: job.data.polls + 1 })
  await job.moveToDelayed(Date.now() + waitMs, token)
  throw new DelayedError()
}
const worker = new Worker('poll', process, { connection: redis, concurrency: 256, skipVersionCheck: true })
worker.on('error', (error) => console.error(error))
tellPolls()
