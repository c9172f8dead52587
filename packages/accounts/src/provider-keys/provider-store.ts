import { PROVIDERS, type ProviderName } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import { ulid } from 'ulid'
import { luaScript } from '../lua-script.ts'
import { ProviderDocument } from './provider-document.ts'

/** `revision` names this very state of the row; a deleted row has none. */
export type ProviderRow = {
  provider: ProviderName
  revision: string | undefined
  document: ProviderDocument | undefined
}

const MAX_ATTEMPTS = 20

// Compares before it writes, and tells every process in the same step.
const save = luaScript(`
local found = redis.call('HGET', KEYS[1], 'rev') or ''
if found ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'rev', ARGV[2], 'document', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`)

/** The channel on which every change is published, by the name of its provider. */
export function providerChannel(prefix: string): string {
  return `${prefix}:providers`
}

export async function readProviders(redis: Redis, prefix: string): Promise<ProviderRow[]> {
  return Promise.all(PROVIDERS.map((provider) => readProvider(redis, prefix, provider)))
}

async function readProvider(redis: Redis, prefix: string, provider: ProviderName): Promise<ProviderRow> {
  const [revision, document] = await redis.hmget(rowKey(prefix, provider), 'rev', 'document')
  if (!revision || !document) return { provider, revision: undefined, document: undefined }
  return { provider, revision, document: ProviderDocument.parse(JSON.parse(document)) }
}

function rowKey(prefix: string, provider: ProviderName): string {
  return `${prefix}:provider:${provider}`
}

/** The providers' rows: one HASH each, changed whole, never over somebody else's change. */
export class ProviderStore {
  readonly #redis: Redis
  readonly #prefix: string

  constructor(deps: { redis: Redis; prefix: string }) {
    this.#redis = deps.redis
    this.#prefix = deps.prefix
  }

  readAll(): Promise<ProviderRow[]> {
    return readProviders(this.#redis, this.#prefix)
  }

  async read(provider: ProviderName): Promise<ProviderDocument | undefined> {
    return (await readProvider(this.#redis, this.#prefix, provider)).document
  }

  /**
   * Stores what `change` makes of the row; `undefined` removes it, the very same document leaves it alone. When another
   * process was quicker, `change` is asked again with what that one stored.
   */
  async update<Result>(
    provider: ProviderName,
    change: (document: ProviderDocument | undefined) => { document: ProviderDocument | undefined; result: Result },
  ): Promise<Result> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const row = await readProvider(this.#redis, this.#prefix, provider)
      const { document, result } = change(row.document)
      if (document === row.document) return result
      if (await this.#save(row, document)) return result
    }
    throw new Error(`The settings of ${provider} change faster than they can be written`)
  }

  async #save({ provider, revision = '' }: ProviderRow, document: ProviderDocument | undefined): Promise<boolean> {
    const text = document === undefined ? '' : JSON.stringify(document)
    const channel = providerChannel(this.#prefix)
    const key = rowKey(this.#prefix, provider)
    return (await save(this.#redis, [key], [revision, ulid(), text, channel, provider])) === 1
  }
}
