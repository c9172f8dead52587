import { createKeys, NO_LOOKS, type PollNote, PollSchedule } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { look, REDIS_URL, tellPolls } from './poll-tally.ts'

/** Ours, the schedule alone: lease what is due, look at once, write back what ten milliseconds brought. */
const MAX_LEASED = 256
const LEASE_MS = 6_000
const FLUSH_MS = 10
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const schedule = new PollSchedule({ redis, keys: createKeys(), provider: 'runway' })
let notes: PollNote[] = []

setInterval(() => {
  const batch = notes
  notes = []
  if (batch.length > 0) void schedule.flush(batch)
}, FLUSH_MS)
tellPolls()
for (;;) {
  const { tasks, nextInMs } = await schedule.lease(MAX_LEASED, LEASE_MS)
  for (const { id, lease, polls } of tasks) {
    const looks = { ...NO_LOOKS, upstreamStatus: 'RUNNING', progress: 0.4, polls: polls + 1 }
    notes.push({ id, lease, delayMs: look(), looks })
  }
  if (tasks.length < MAX_LEASED) {
    const waitMs = Math.max(FLUSH_MS, Math.min(nextInMs ?? 250, 250))
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}
