import { ProviderBook } from '@genqueue/accounts'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import type { Log } from './log.ts'
import { connectRedis } from './redis.ts'

/**
 * The operator's provider keys and settings, from the environment and from Redis. Follows changes within a second; what
 * this process cannot use is told at the start and again when it changes. Until it is started it knows the environment's.
 */
export function openProviderBook(
  config: WorkerConfig,
  { redis, prefix, log }: { redis: Redis; prefix: string; log: Log },
): { book: ProviderBook; start(): Promise<void>; close(): Promise<void> } {
  const subscriber = connectRedis(config.REDIS_URL)
  subscriber.on('error', (error) => log.warn({ err: error }, 'redis connection'))
  const book = new ProviderBook({
    redis,
    subscriber,
    prefix,
    ...config.keySources,
    onError: (error) => log.warn({ err: error }, 'reading provider keys failed'),
  })
  let told = ''
  const tellFaults = () => {
    const faults = book.faults()
    const now = JSON.stringify(faults)
    if (now !== told) for (const fault of faults) log.error({ ...fault }, 'provider key cannot be used')
    told = now
  }
  book.onChange(tellFaults)
  return {
    book,
    async start() {
      await book.start()
      tellFaults()
    },
    async close() {
      await book.close()
      subscriber.disconnect()
    },
  }
}
