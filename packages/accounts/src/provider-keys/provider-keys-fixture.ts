import { createSecretKey, randomBytes } from 'node:crypto'
import { ProviderKeyInput } from '@genqueue/contract'
import { Redis } from 'ioredis'
import { ensureRedisServer } from '../../../../scripts/redis-binary.ts'
import { startRedis } from '../../../../scripts/redis-process.ts'
import type { AuditEntry } from '../audit/audit-log.ts'
import type { EncryptionKey } from '../envelope/encryption-keys.ts'
import { Envelope } from '../envelope/envelope.ts'
import { KeyReferences } from './key-references.ts'
import { KeyUsers } from './key-users.ts'
import { EnvironmentKeyList, environmentKeys, KeyReferencePattern } from './key-variables.ts'
import { ProviderAdmin } from './provider-admin.ts'
import { ProviderBook } from './provider-book.ts'
import { ProviderKeyAdmin } from './provider-key-admin.ts'
import { ProviderStore } from './provider-store.ts'
import type { KeySources } from './settings-of.ts'

export const BY = { actor: 'tests', requestId: 'req_1' }
export const LITERAL = 'key_canary_0123456789abcdef0123456789abcdef'

export function encryptionKey(kid: string): EncryptionKey {
  return { kid, key: createSecretKey(randomBytes(32)) }
}

export function key(name: string, value: string, more: Partial<ProviderKeyInput> = {}): ProviderKeyInput {
  return ProviderKeyInput.parse({ name, value, ...more })
}

type Process = { env?: Record<string, string>; encryptionKeys?: readonly EncryptionKey[] }

/** A Redis of its own, and processes with environments of theirs. */
export async function openProviderKeys() {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const open: Redis[] = []
  const connect = () => {
    const redis = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 })
    redis.on('error', () => {})
    open.push(redis)
    return redis
  }
  const redis = connect()
  const books: ProviderBook[] = []
  const clock = { nowMs: Date.UTC(2026, 10, 1) }
  const audited: AuditEntry[] = []
  const kek = encryptionKey('k1')
  const prefix = '{t}'

  const sourcesOf = ({ env = {}, encryptionKeys = [kek] }: Process): KeySources => ({
    envelope: Envelope.of(encryptionKeys),
    references: new KeyReferences({ env, pattern: KeyReferencePattern.parse(undefined) }),
    environment: environmentKeys({
      runway: EnvironmentKeyList.optional().parse(env.RUNWAY_API_KEY),
      runware: EnvironmentKeyList.optional().parse(env.RUNWARE_API_KEY),
    }),
  })
  return {
    server,
    redis,
    prefix,
    kek,
    clock,
    audited,
    users: new KeyUsers({ redis, prefix }),
    store: new ProviderStore({ redis, prefix }),
    sourcesOf,
    /** What an API process does. */
    admin(process: Process = {}) {
      const store = new ProviderStore({ redis: connect(), prefix })
      const audit = async (entry: AuditEntry) => void audited.push(entry)
      const users = new KeyUsers({ redis, prefix })
      const deps = { store, users, sources: sourcesOf(process), audit, now: () => clock.nowMs }
      return { providers: new ProviderAdmin(deps), keys: new ProviderKeyAdmin(deps) }
    },
    /** What a worker knows. */
    async book(process: Process = {}, rereadMs = 60_000) {
      const subscriber = connect()
      const book = new ProviderBook({ redis: connect(), subscriber, prefix, ...sourcesOf(process), rereadMs })
      books.push(book)
      await book.start()
      return { book, subscriber }
    },
    async clear() {
      audited.length = 0
      await redis.flushall()
    },
    async close() {
      await Promise.all(books.map((book) => book.close()))
      for (const each of open) each.disconnect()
      await server.stop()
    },
  }
}
