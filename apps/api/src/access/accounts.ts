import {
  AccountChanges,
  ApiKeys,
  type Audit,
  AuditLog,
  Envelope,
  KeyLookup,
  Teams,
  WebhookEndpoints,
} from '@genqueue/accounts'
import { type Keys, MAX_ENDPOINTS_PER_TEAM } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { ApiConfig } from '../config.ts'
import { createAuthenticate } from './authenticate.ts'
import { FailedAttempts } from './failed-attempts.ts'

export type AccountsDeps = {
  redis: Redis
  /** Used for nothing else. */
  subscriber: Redis
  keys: Keys
  config: Pick<ApiConfig, 'teamKeys' | 'allowKeyless' | 'providerKeys'>
  log: Logger
}

/** Keys, teams and their webhook endpoints as the API uses them; `changes` is to be started, and closed at the end. */
export function openAccounts({ redis, subscriber, keys: { prefix }, config, log }: AccountsDeps) {
  const environmentTeams = ['default', ...config.teamKeys.map(({ team }) => team)]
  const changes = new AccountChanges({ redis: subscriber, prefix })
  const teams = new Teams({ redis, prefix, environmentTeams, changes })
  const apiKeys = new ApiKeys({ redis, prefix, isEnvironmentTeam: (team) => teams.isOfEnvironment(team) })
  const endpoints = new WebhookEndpoints({
    redis,
    prefix,
    envelope: Envelope.of(config.providerKeys.encryptionKeys),
    maxPerTeam: MAX_ENDPOINTS_PER_TEAM,
  })
  const lookup = new KeyLookup({ apiKeys, changes })
  const auditLog = new AuditLog({ redis, prefix })
  const audit: Audit = async (change) => {
    // The log keeps what the stream may lose: to Redis being away, and to its length.
    log.info({ change }, 'admin change')
    await auditLog.write(change).catch((err: unknown) => log.error({ err, change }, 'audit entry not written'))
  }
  const { allowKeyless } = config
  const attempts = new FailedAttempts()
  const authenticate = createAuthenticate(config.teamKeys, { allowKeyless, teams, lookup, attempts })
  return { changes, parts: { apiKeys, teams, endpoints, audit, auditLog, authenticate } }
}
