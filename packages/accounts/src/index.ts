export { AccountChanges } from './account-changes.ts'
export type { Allowed, ApiKeyRecord, ApiKeySettings } from './api-keys/api-key-record.ts'
export { ApiKeys } from './api-keys/api-keys.ts'
export { KeyLookup } from './api-keys/key-lookup.ts'
export { type Audit, AuditLog } from './audit/audit-log.ts'
export { type EncryptionKey, EncryptionKeys } from './envelope/encryption-keys.ts'
export { Envelope } from './envelope/envelope.ts'
export { KeyReferences } from './provider-keys/key-references.ts'
export { KeyUsers } from './provider-keys/key-users.ts'
export { EnvironmentKeyList, environmentKeys, KeyReferencePattern } from './provider-keys/key-variables.ts'
export { ProviderAdmin } from './provider-keys/provider-admin.ts'
export { ProviderBook, type ProviderBookDeps } from './provider-keys/provider-book.ts'
export { ProviderKeyAdmin } from './provider-keys/provider-key-admin.ts'
export type {
  EnvironmentKeys,
  KeyFault,
  ModelLimit,
  ProviderKeyEntry,
  ProviderSettings,
} from './provider-keys/provider-settings.ts'
export { ProviderStore } from './provider-keys/provider-store.ts'
export { type KeySources, settingsOf } from './provider-keys/settings-of.ts'
export { missingKids, rewrapKeys, sweepRetired } from './provider-keys/upkeep.ts'
export { type RateAnswer, type RequestRate, takeRequest } from './teams/request-rates.ts'
export { type TeamRecord, Teams } from './teams/teams.ts'
export { EndpointBook } from './webhook-endpoints/endpoint-book.ts'
export type { EndpointRecord } from './webhook-endpoints/endpoint-record.ts'
export { WebhookEndpoints } from './webhook-endpoints/webhook-endpoints.ts'
