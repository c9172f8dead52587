import { setTimeout as sleep } from 'node:timers/promises'
import { createKeys } from '@genqueue/jobs'
import { Redis } from 'ioredis'

const LOOK_EVERY_MS = 250

/**
 * Rejects once `progress` has told the same for so long, with everything that Redis holds under the prefix; `stop` ends
 * the watch.
 */
export function watchProgress(options: { progress: () => number; quietMs: number; dump: () => Promise<string> }): {
  stuck: Promise<never>
  stop: () => void
} {
  const { progress, quietMs, dump } = options
  const { promise: stuck, reject } = Promise.withResolvers<never>()
  // Whoever races against it hears of it; nobody need.
  stuck.catch(() => {})
  // Counted in looks of our own: a machine that stood still for a while is not stuck.
  let seen = { value: progress(), looks: 0 }
  const timer = setInterval(() => {
    const value = progress()
    seen = { value, looks: value === seen.value ? seen.looks + 1 : 0 }
    if (seen.looks * LOOK_EVERY_MS < quietMs) return
    clearInterval(timer)
    dump().then(
      (text) => reject(new Error(`nothing moved for ${quietMs} ms\n${text}`)),
      (error) => reject(error),
    )
  }, LOOK_EVERY_MS)
  return { stuck, stop: () => clearInterval(timer) }
}

const OF_JOBS = /:(open|inflight|holders|slots:.*|users:.*|line:.*|ring:.*|fed:.*|lanes:.*|due:.*)$/
const OF_WEBHOOKS = /:(outbox:.*|sending:.*|destinations|suspects|held:.*)$/

/**
 * Keys that must be gone when no job is open: places, slots, counters, schedules. Empty when nothing leaked. Deliveries
 * that wait for their next attempt are a leak only where all `webhooks` are over as well.
 */
export async function leakedKeys(url: string, prefix: string, { webhooks = false } = {}): Promise<string[]> {
  return withRedis(url, async (redis) => {
    const kept = await redis.keys(`${createKeys(prefix).prefix}:*`)
    return kept
      .filter((key) => OF_JOBS.test(key) || (webhooks && OF_WEBHOOKS.test(key)))
      .map((key) => `${key} is still there`)
  })
}

/** What is left after a moment: the last answers of a run are written while it is judged. */
export async function settled(look: () => Promise<string[]>, withinMs = 3_000): Promise<string[]> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found.length === 0 || performance.now() > deadlineMs) return found
    await sleep(50)
  }
}

/** The open jobs' hashes and what stands in every queue, as text. */
export async function dumpState(url: string, prefix: string): Promise<string> {
  return withRedis(url, async (redis) => {
    const keys = createKeys(prefix)
    const open = await redis.zrange(keys.open, 0, '-1', 'WITHSCORES')
    const lines = [`now ${Date.now()}`, `open ${open.join(' ')}`]
    for (const id of open.filter((_, index) => index % 2 === 0)) {
      const { request: _, ...job } = await redis.hgetall(keys.job(id))
      lines.push(`${id} ${JSON.stringify(job)}`)
    }
    for (const key of (await redis.keys(`${keys.prefix}:*`)).toSorted()) {
      if (/:(job|idem|list|expiring|stalled-check|meta)\b/.test(key)) continue
      const count = { zset: 'zcard', list: 'llen', set: 'scard', hash: 'hlen' } as const
      const kind = await redis.type(key)
      if (kind in count) lines.push(`${key} ${await redis.call(count[kind as keyof typeof count], key)}`) // just tested
    }
    return lines.join('\n')
  })
}

async function withRedis<T>(url: string, run: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url)
  try {
    return await run(redis)
  } finally {
    redis.disconnect()
  }
}
