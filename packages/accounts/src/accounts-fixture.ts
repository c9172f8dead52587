import { createConnection, createServer } from 'node:net'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { AccountChanges } from './account-changes.ts'
import { ApiKeys } from './api-keys/api-keys.ts'
import { KeyLookup } from './api-keys/key-lookup.ts'
import { Teams } from './teams/teams.ts'

const PREFIX = '{accounts}'

type ProcessOptions = { now?: () => number; hears?: boolean; port?: number }

/** A Redis of its own and, on it, as many processes' worth of keys and teams as a test needs. */
export async function openAccountsHouse() {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const opened: { close(): void }[] = []
  const connect = ({ port = server.port, lazyConnect = false } = {}) => {
    const redis = new Redis(port, '127.0.0.1', {
      commandTimeout: 200,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: !lazyConnect,
      autoResubscribe: false,
      retryStrategy: () => 50,
      lazyConnect,
    })
    redis.on('error', () => {})
    opened.push({ close: () => redis.disconnect() })
    return redis
  }
  const redis = connect()
  return {
    server,
    prefix: PREFIX,
    redis,
    /** How often keys and teams were read or written so far. */
    async commands(): Promise<number> {
      const text = await redis.info('commandstats')
      const counts = [...text.matchAll(/^cmdstat_(?:evalsha|eval|hset):calls=(\d+)/gm)]
      return counts.reduce((sum, [, calls]) => sum + Number(calls), 0)
    },
    /** Everything that Redis holds, as text. */
    async dump(): Promise<string> {
      const texts: string[] = []
      for (const key of await redis.keys('*')) {
        const type = await redis.type(key)
        const value =
          type === 'hash'
            ? await redis.hgetall(key)
            : type === 'string'
              ? await redis.get(key)
              : type === 'zset'
                ? await redis.zrange(key, 0, '-1')
                : await redis.xrange(key, '-', '+')
        texts.push(key, JSON.stringify(value))
      }
      return texts.join('\n')
    },
    /** What one process holds; its clock may be set forward. */
    async openProcess({ now = Date.now, hears = true, port = server.port }: ProcessOptions = {}) {
      const redis = connect()
      const subscriber = connect({ port, lazyConnect: true })
      const changes = new AccountChanges({ redis: subscriber, prefix: PREFIX })
      const teams = new Teams({ redis, prefix: PREFIX, environmentTeams: ['default'], changes, now })
      const apiKeys = new ApiKeys({ redis, prefix: PREFIX, isEnvironmentTeam: (id) => teams.isOfEnvironment(id), now })
      const lookup = new KeyLookup({ apiKeys, changes, now })
      if (hears) {
        changes.start()
        opened.push(changes)
        await expect.poll(() => changes.isHearing, { interval: 5 }).toBe(true)
      }
      return { changes, teams, apiKeys, lookup }
    },
    /** A way to Redis whose first connection can be cut without either side being told. */
    async openLine() {
      let isCut = false
      const line = createServer((near) => {
        const far = createConnection(server.port, '127.0.0.1')
        const mayPass = !isCut
        near.on('data', (bytes) => void (mayPass && isCut ? undefined : far.write(bytes)))
        far.on('data', (bytes) => void (mayPass && isCut ? undefined : near.write(bytes)))
        for (const each of [near, far]) each.on('error', () => {})
        near.on('close', () => far.destroy())
        far.on('close', () => near.destroy())
        opened.push({ close: () => near.destroy() })
      })
      await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve))
      opened.push({ close: () => line.close() })
      const address = line.address()
      if (address === null || typeof address === 'string') throw new Error('expected a port')
      const cut = () => {
        isCut = true
      }
      return { port: address.port, cut }
    },
    async close() {
      for (const each of opened) each.close()
      await server.stop()
    },
  }
}

export type AccountsHouse = Awaited<ReturnType<typeof openAccountsHouse>>
