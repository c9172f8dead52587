import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { INTERVAL_MS, look, REDIS_URL, tellPolls } from './poll-tally.ts'

/** The obvious way: one BullMQ job per task, whose processor sleeps between looks. */
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const process = async () => {
  // Not all at once, however fast the jobs are taken.
  for (let waitMs = Math.random() * INTERVAL_MS; ; waitMs = look()) await delay(waitMs)
}
const worker = new Worker('poll', process, { connection: redis, concurrency: 200_000, skipVersionCheck: true })
worker.on('error', (error) => console.error(error))
tellPolls()
