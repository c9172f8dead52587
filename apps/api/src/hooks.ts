import { JobId } from '@genqueue/contract'
import { type JobRecord, type Keys, PollSchedule } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { AppDeps } from './app-deps.ts'

const MAX_REMEMBER_MS = 30 * 86_400_000

const refKey = (keys: Keys, clientRef: string) => `${keys.prefix}:hook:ref:${clientRef.toLowerCase()}`

/**
 * Notes which job a vendor's call will be about, for as long as one may come. Not waited for: a call that finds nothing
 * is a poll that comes at its usual time.
 */
export function rememberHook(job: JobRecord, { config, redis, keys, log }: AppDeps): void {
  if (config.hookSecret === undefined || job.provider !== 'runware') return
  const { queueMs, throttledMs, runningMs } = job.request.deadlines
  const forMs = Math.min(queueMs + throttledMs + runningMs, MAX_REMEMBER_MS)
  redis.set(refKey(keys, job.clientRef), job.id, 'PX', forMs).catch((err) => log.warn({ err }, 'hook not remembered'))
}

/** Looks at the task now rather than at the usual time; decides nothing else. */
export async function nudge(clientRef: string, { redis, keys }: { redis: Redis; keys: Keys }): Promise<void> {
  const id = JobId.safeParse(await redis.get(refKey(keys, clientRef)))
  if (id.success) await new PollSchedule({ redis, keys, provider: 'runware' }).nudge(id.data)
}
