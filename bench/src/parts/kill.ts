import { setTimeout as delay } from 'node:timers/promises'
import { isTerminal } from '@genqueue/contract'
import { createKeys, Jobs, openQueues } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { openJobs } from '../arrivals.ts'
import type { Context } from '../context.ts'
import { fillInFlight, type InFlight } from '../fill-in-flight.ts'
import { quantile, type Row } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import type { Stand } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const RUNNING = 500
const SUBMITTING = 200
const LEASE_MS = 6_000
const SETTLED_WITHIN_MS = 40_000
/** The vendor answers slowly, so that many requests are on the wire at the kill. */
const SLOW = { createMs: 400, pollMs: 250 }
const WORKER = {
  speed: 2.5,
  env: {
    SUBMIT_CONCURRENCY: '64',
    // So that messages of the killed worker come back within seconds; half a minute is the default.
    LOCK_DURATION_MS: '3000',
    STALLED_INTERVAL_MS: '1000',
    SUBMIT_TIMEOUT_MS: '2000',
  },
}

/** kill -9 of a worker with polls and creates on the wire; another one starts at once. */
export function kill({ say }: Context): Promise<Row[]> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope)
    const options = { vendorUrl: vendor.url, ...WORKER }
    const running = await fillInFlight(stand, { count: RUNNING, ageMs: 0, spreadMs: 2_200, sampled: RUNNING })
    const first = await startWorker(scope, stand, options)
    const intake = openJobs(stand)
    scope.onEnd(() => intake.close())
    say(`kill: ${RUNNING} jobs running, ${SUBMITTING} being submitted`)
    await until(async () => (await vendor.counts()).polls > RUNNING)
    await vendor.behave(SLOW)
    const prompts = Array.from({ length: SUBMITTING }, (_, index) => `sub-${index}`)
    const submitting = await Promise.all(prompts.map(async (taskId) => ({ taskId, jobId: await intake.add(taskId) })))
    await until(async () => (await vendor.counts()).creates > SUBMITTING / 2)

    const { polls, answeredPolls } = await vendor.counts()
    const onTheWire = polls - answeredPolls
    const killedAtMs = Date.now()
    await first.end('SIGKILL')
    await startWorker(scope, stand, options)
    const jobs = jobsOn(scope, stand)
    await until(async () => {
      const looks = await vendor.looks()
      const isLookedAt = ({ taskId }: InFlight) => (looks[taskId]?.at(-1) ?? 0) > killedAtMs
      const hasEnded = async ({ jobId }: InFlight) => isTerminal((await jobs.get(jobId))?.status ?? 'queued')
      if (!running.every(isLookedAt)) return false
      const settled = await Promise.all(submitting.map(async (job) => isLookedAt(job) || hasEnded(job)))
      return settled.every(Boolean)
    })
    const looks = await vendor.looks()
    const resumedMs = running.map(
      ({ taskId }) => (looks[taskId]?.find((atMs) => atMs > killedAtMs) ?? Number.NaN) - killedAtMs,
    )
    const after = await vendor.counts()
    const records = await Promise.all(submitting.map(({ jobId }) => jobs.get(jobId)))
    const unknown = records.filter((job) => job?.status === 'failed' && job.error.code === 'submission_unknown').length
    const values = {
      halfResumedMs: quantile(resumedMs, 0.5),
      allResumedMs: Math.max(...resumedMs),
      duplicates: after.duplicates,
      unknown,
      onTheWire,
    }
    const { halfResumedMs, allResumedMs, duplicates } = values
    const resumed = `half after ${(halfResumedMs / 1000).toFixed(1)} s, all after ${(allResumedMs / 1000).toFixed(1)} s`
    const paid = `${duplicates} duplicate creates, ${unknown} of ${SUBMITTING} failed as submission_unknown`
    return [
      {
        part: 'kill',
        what: `kill -9 with ${RUNNING} jobs in flight, ${onTheWire} polls on the wire`,
        goal: 'all polled within the lease (6 s), 0 duplicate creates',
        measured: `${resumed}; ${paid}`,
        // The new worker's own start comes before its first look.
        ok: allResumedMs <= LEASE_MS + 500 && duplicates === 0,
        values,
      },
    ]
  })
}

/** Read with a connection of our own. */
function jobsOn(scope: Scope, { url }: Stand): Jobs {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const keys = createKeys()
  const queues = openQueues(redis, keys)
  scope.onEnd(async () => {
    await queues.close()
    redis.disconnect()
  })
  return new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + SETTLED_WITHIN_MS
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to pass within ${SETTLED_WITHIN_MS} ms`)
    await delay(50)
  }
}
