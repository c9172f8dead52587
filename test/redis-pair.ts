import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { ensureRedisServer } from '../scripts/redis-binary.ts'
import { type RedisProcess, startRedis } from '../scripts/redis-process.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** A primary and its replica, with a network of our own between them and before them. */
export type RedisPair = {
  primary: RedisProcess
  replica: RedisProcess
  /** Between the two. */
  link: TcpProxy
  /** Where clients find whoever is the primary, as behind a Sentinel or a managed address. */
  front: TcpProxy
  ask(server: RedisProcess, command: string, ...args: string[]): Promise<unknown>
  follow(server: RedisProcess, port: number): Promise<void>
  /** Makes the replica the primary, and tells clients. Those that are connected to the old one stay there. */
  promote(): Promise<void>
  /** A new replica of the new primary. */
  addReplica(): Promise<void>
  close(): Promise<void>
}

export async function openRedisPair(): Promise<RedisPair> {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const [primary, replica] = await Promise.all([startRedis({ binary }), startRedis({ binary })])
  const [link, front] = await Promise.all([startTcpProxy(primary.port), startTcpProxy(primary.port)])
  const servers = [primary, replica]
  const clients = new Map<RedisProcess, Redis>()
  const ask = (server: RedisProcess, command: string, ...args: string[]) => {
    let client = clients.get(server)
    if (!client) {
      client = new Redis(server.url)
      client.on('error', () => {})
      clients.set(server, client)
    }
    return client.call(command, ...args)
  }
  const follow = async (server: RedisProcess, port: number) => {
    await ask(server, 'REPLICAOF', '127.0.0.1', String(port))
    const isFollowing = async () => String(await ask(server, 'INFO', 'replication')).includes('master_link_status:up')
    await expect.poll(isFollowing, { interval: 10, timeout: 10_000 }).toBe(true)
  }
  // It would wait five seconds for a second replica.
  await Promise.all(servers.map((server) => ask(server, 'CONFIG', 'SET', 'repl-diskless-sync-delay', '0')))
  await follow(replica, link.port)
  return {
    primary,
    replica,
    link,
    front,
    ask,
    follow,
    async promote() {
      await ask(replica, 'REPLICAOF', 'NO', 'ONE')
      front.target = replica.port
    },
    async addReplica() {
      const another = await startRedis({ binary })
      servers.push(another)
      await follow(another, replica.port)
    },
    async close() {
      for (const client of clients.values()) client.disconnect()
      await Promise.all([link, front].map((each) => each.close()))
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}
