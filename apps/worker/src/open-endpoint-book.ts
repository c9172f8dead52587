import { AccountChanges, EndpointBook } from '@genqueue/accounts'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import type { Destination } from './destination-of.ts'
import { connectListener } from './redis.ts'

/**
 * Registered endpoints for those who send: where they are and what signs, as of a second ago at most. What is sealed with
 * a key that this worker lacks rejects: others may have the key, so the delivery waits.
 */
export function openEndpointBook(config: WorkerConfig, { redis, prefix }: { redis: Redis; prefix: string }) {
  const changes = new AccountChanges({ redis: connectListener(config.REDIS_URL), prefix })
  const book = new EndpointBook({ redis, prefix, envelope: config.keySources.envelope, changes })
  return {
    async endpoint(team: string, id: string): Promise<Destination> {
      const target = await book.target(team, id)
      if (target === undefined) return 'gone'
      if (target.kind === 'disabled') return 'disabled'
      if (target.kind === 'open') return { url: target.url, keys: target.keys }
      throw new Error(`The secrets of a webhook endpoint do not open: ${target.reason}`)
    },
    /** Whether any endpoint of the team asked for progress. */
    wantsProgress: (team: string) => book.wantsProgress(team),
    start: () => changes.start(),
    close: () => changes.close(),
  }
}
