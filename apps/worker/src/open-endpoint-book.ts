import { AccountChanges, EndpointBook, type KeySources } from '@genqueue/accounts'
import type { Redis } from 'ioredis'
import type { WorkerConfig } from './config.ts'
import type { Destination } from './destination-of.ts'
import type { Log } from './log.ts'
import { connectListener } from './redis.ts'

/**
 * Registered endpoints for those who send: where they are and what signs, as of a second ago at most. One whose secrets
 * do not open is logged once, not with each webhook.
 */
export function openEndpointBook(
  config: Pick<WorkerConfig, 'REDIS_URL'> & { keySources: Pick<KeySources, 'envelope'> },
  { redis, prefix, log }: { redis: Redis; prefix: string; log: Log },
) {
  const changes = new AccountChanges({ redis: connectListener(config.REDIS_URL), prefix })
  const book = new EndpointBook({ redis, prefix, envelope: config.keySources.envelope, changes })
  const locked = new Set<string>()
  return {
    async endpoint(team: string, id: string): Promise<Destination> {
      const target = await book.target(team, id)
      if (target?.kind === 'locked') {
        if (!locked.has(id))
          log.error({ team, endpointId: id, reason: target.reason }, 'secrets of a webhook endpoint do not open')
        locked.add(id)
        return 'locked'
      }
      locked.delete(id)
      if (target === undefined) return 'gone'
      return target.kind === 'disabled' ? 'disabled' : { url: target.url, keys: target.keys }
    },
    /** Whether any endpoint of the team asked for progress. */
    wantsProgress: (team: string) => book.wantsProgress(team),
    start: () => changes.start(),
    close: () => changes.close(),
  }
}
