import type { Metrics } from './metrics.ts'

/** What is read of a Redis connection. */
export type WatchedRedis = {
  readonly status: string
  ping(): Promise<unknown>
  on(event: 'reconnecting', listener: () => void): unknown
}

/** A scraper waits for ten seconds, and wants to hear of the rest all the same. */
const PING_TIMEOUT_MS = 1_000

/** Tells of the connection: whether Redis answers now, how fast, and how often it was lost. */
export function watchRedis(metrics: Metrics, redis: WatchedRedis): void {
  redis.on('reconnecting', () => metrics.count('redis_reconnects_total', {}))
  metrics.onScrape(async () => {
    metrics.set('redis_up', {}, 0)
    metrics.clear('redis_ping_seconds')
    // A patient connection would keep the question until Redis is back.
    if (redis.status !== 'ready') return
    const startedMs = performance.now()
    await within(PING_TIMEOUT_MS, redis.ping())
    metrics.set('redis_up', {}, 1)
    metrics.set('redis_ping_seconds', {}, (performance.now() - startedMs) / 1000)
  })
}

async function within(timeoutMs: number, answer: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('Redis took too long')), timeoutMs)
  try {
    await Promise.race([answer, promise])
  } finally {
    clearTimeout(timer)
  }
}
