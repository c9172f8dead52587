import {
  type Audit,
  Envelope,
  type KeySources,
  KeyUsers,
  missingKids,
  ProviderAdmin,
  ProviderKeyAdmin,
  type ProviderSettings,
  ProviderStore,
  rewrapKeys,
  settingsOf,
  sweepRetired,
  type WebhookEndpoints,
} from '@genqueue/accounts'
import { ProblemError, type ProviderName, type RewrapReport } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { ApiConfig } from '../config.ts'
import { isRedisAway } from '../redis.ts'

const UPKEEP_EVERY_MS = 60_000
const UPKEEP_AGAIN_MS = 2_000
const START_TRIES = 5

export type ProviderKeys = ReturnType<typeof createProviderKeys>

/** The provider keys as the routes change them and as this process keeps them in order. */
export function createProviderKeys(deps: {
  redis: Redis
  prefix: string
  config: Pick<ApiConfig, 'providerKeys'>
  audit: Audit
  /** Their secrets are kept in order along with the keys. */
  endpoints: Pick<WebhookEndpoints, 'missingKids' | 'rewrap'>
  log: Logger
}) {
  const { log, endpoints } = deps
  const { encryptionKeys, references, environment } = deps.config.providerKeys
  const envelope = Envelope.of(encryptionKeys)
  const sources: KeySources = { envelope, references, environment }
  const store = new ProviderStore(deps)
  const users = new KeyUsers(deps)
  const adminDeps = { store, users, sources, audit: deps.audit }
  let missing: readonly string[] = []

  /** Looks which encryption keys stored secrets need that this process does not have. */
  const check = async () => {
    const [ofProviders, ofEndpoints] = await Promise.all([store.readAll(), endpoints.missingKids()])
    missing = [...new Set([...missingKids(ofProviders, envelope), ...ofEndpoints])]
    return missing
  }
  const rewrap = async (): Promise<RewrapReport> => {
    if (envelope === undefined) {
      throw new ProblemError('encryption_unavailable', 'There is no encryption key; set ENCRYPTION_KEYS')
    }
    const [keys, hooks] = await Promise.all([rewrapKeys(store, envelope), endpoints.rewrap()])
    const rewrapped = keys.rewrapped + hooks.rewrapped
    const failed = [...keys.failed, ...hooks.failed]
    if (rewrapped > 0) log.info({ rewrapped, kid: envelope.currentKid }, 'secrets moved to the current encryption key')
    return { object: 'rewrap', current_kid: envelope.currentKid, rewrapped, failed }
  }
  const tidy = async () => {
    try {
      const lacking = await check()
      if (lacking.length > 0) log.error({ kids: lacking }, 'ENCRYPTION_KEYS lacks keys that stored secrets need')
      if (envelope !== undefined) await rewrap()
      const dropped = await sweepRetired({ store, users, sources, nowMs: Date.now() })
      if (dropped > 0) log.info({ dropped }, 'retired provider keys dropped')
      return UPKEEP_EVERY_MS
    } catch (err) {
      if (!isRedisAway(err)) log.warn({ err }, 'keeping the provider keys in order failed')
      return UPKEEP_AGAIN_MS
    }
  }

  return {
    admin: new ProviderAdmin(adminDeps),
    keys: new ProviderKeyAdmin(adminDeps),
    rewrap,
    /** What a worker goes by, as stored now. */
    async settings(provider: ProviderName): Promise<ProviderSettings> {
      return settingsOf(provider, await store.read(provider), sources).settings
    },
    /** Rejects when a stored secret could not be read; while Redis is away nobody can tell, and readiness does later. */
    async checkAtStart(): Promise<void> {
      let tries = START_TRIES
      const lacking = async (): Promise<readonly string[]> =>
        check().catch((error: unknown) => {
          if (!isRedisAway(error)) throw error
          tries -= 1
          // One that is connected and slow will answer; one that is away is not waited for.
          return tries > 0 && deps.redis.status === 'ready' ? lacking() : []
        })
      const kids = await lacking()
      if (kids.length === 0) return
      throw new Error(`ENCRYPTION_KEYS lacks ${kids.join(', ')}, which stored secrets are encrypted with`)
    },
    /** By kid, as last looked. */
    missingKids: () => missing,
    /** Moves secrets to the current encryption key and drops what no job uses: now, and every minute until stopped. */
    keepInOrder() {
      let isStopped = false
      let timer: NodeJS.Timeout | undefined
      const run = async () => {
        const nextMs = await tidy()
        if (!isStopped) timer = setTimeout(runAgain, nextMs)
      }
      const runAgain = () => {
        running = run()
      }
      let running = run()
      return async () => {
        isStopped = true
        clearTimeout(timer)
        await running
      }
    },
  }
}
