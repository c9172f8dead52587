import {
  type CreateProviderRequest,
  type DeletedProvider,
  ProblemError,
  type ProviderKeyInput,
  type ProviderName,
  type ProviderResource,
  type ReplaceProviderRequest,
} from '@genqueue/contract'
import { ulid } from 'ulid'
import type { Audit } from '../audit/audit-log.ts'
import { passEnvironmentKeys, refuseEnvironmentKey } from './environment-keys.ts'
import { keyFromInput } from './key-from-input.ts'
import type { KeyUsers } from './key-users.ts'
import type { ProviderDocument, StoredKey, StoredSettings } from './provider-document.ts'
import { providerResource, retiredResources } from './provider-resource.ts'
import type { ProviderStore } from './provider-store.ts'
import { settingsFrom } from './settings-from.ts'
import type { KeySources } from './settings-of.ts'
import { withKeys } from './with-keys.ts'

/** Who changes something, for the audit log. */
export type Administrator = { actor: string; requestId: string }

export type ProviderAdminDeps = {
  store: ProviderStore
  users: KeyUsers
  sources: KeySources
  audit: Audit
  now?: (() => number) | undefined
}

/** What administrators do with providers and their keys; refusals are ProblemErrors in the words of the request. */
export class ProviderAdmin {
  readonly #deps: ProviderAdminDeps
  readonly #now: () => number

  constructor(deps: ProviderAdminDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
  }

  /** Providers that are set up, here or by keys of the environment. */
  async list(): Promise<ProviderResource[]> {
    const rows = await this.#deps.store.readAll()
    const present = rows.filter(({ provider, document }) => this.#isPresent(provider, document))
    return Promise.all(present.map(({ provider, document }) => providerResource(provider, document, this.#deps)))
  }

  async get(provider: ProviderName): Promise<ProviderResource> {
    const document = await this.#deps.store.read(provider)
    if (!this.#isPresent(provider, document)) throw notSetUp(provider)
    return providerResource(provider, document, this.#deps)
  }

  async create(request: CreateProviderRequest, by: Administrator): Promise<ProviderResource> {
    const { provider } = request
    const document = await this.#deps.store.update(provider, (found) => {
      if (found?.settings) {
        const message = `${provider} is set up already; change it with PUT /api/providers/${provider}`
        throw new ProblemError('already_exists', message, { param: 'provider' })
      }
      return same(this.#written(provider, found, request))
    })
    await this.#audit(by, 'provider.create', provider, summaryOf(document))
    return providerResource(provider, document, this.#deps)
  }

  /** The whole of it; makes it where there is none. */
  async replace(provider: ProviderName, request: ReplaceProviderRequest, by: Administrator): Promise<ProviderResource> {
    if (request.provider !== undefined && request.provider !== provider) {
      throw new ProblemError('invalid_request', `provider must be ${provider}, as in the address`, {
        param: 'provider',
      })
    }
    const document = await this.#deps.store.update(provider, (found) => {
      const revision = found?.settings ? found.revision : undefined
      if (typeof request.revision === 'string' && request.revision !== revision) {
        const message = `${provider} was changed since revision ${request.revision.slice(0, 64)}; read it again`
        throw new ProblemError('revision_mismatch', message, { param: 'revision' })
      }
      return same(this.#written(provider, found, request))
    })
    await this.#audit(by, 'provider.replace', provider, summaryOf(document))
    return providerResource(provider, document, this.#deps)
  }

  async remove(provider: ProviderName, by: Administrator): Promise<DeletedProvider> {
    const gone = await this.#deps.store.update(provider, (found) => {
      if (!found?.settings) {
        if (this.#isPresent(provider, found)) throw refuseEnvironmentKey('provider', provider)
        throw notSetUp(provider)
      }
      const { settings: _, ...rest } = found
      const { gone: result, ...keys } = withKeys(found, [], { nowMs: this.#now(), paramOf: (_index, field) => field })
      const document = { ...rest, ...keys, revision: ulid() }
      return { document: document.retired.length === 0 ? undefined : document, result }
    })
    const retired = await retiredResources(gone, this.#deps)
    await this.#audit(by, 'provider.delete', provider, { keys: gone.map(({ name }) => name) })
    return { object: 'provider', provider, deleted: true, retired }
  }

  #written(
    provider: ProviderName,
    found: ProviderDocument | undefined,
    request: Pick<ReplaceProviderRequest, 'base_url' | 'timeouts' | 'concurrency' | 'limits' | 'keys'>,
  ): ProviderDocument {
    const nowMs = this.#now()
    const { sources } = this.#deps
    const paramOf = (index: number, field: string) => `keys[${index}][${field}]`
    const before = found ?? NONE
    if (request.keys === undefined && before.keys.length > 0) throw keysMissing(provider, before.keys.length)
    const inputs = passEnvironmentKeys(request.keys ?? [], sources.environment[provider])
    const taken = new Set<StoredKey>()
    const keys = inputs.map(({ input, index }) => {
      const existing = existingOf(input, before.keys, paramOf(index, 'id'))
      if (existing !== undefined && taken.has(existing)) {
        const param = paramOf(index, 'name')
        throw new ProblemError('already_exists', `${param} is that of an earlier key in the list`, { param })
      }
      if (existing !== undefined) taken.add(existing)
      return keyFromInput(input, existing, (field) => paramOf(index, field), { provider, sources, nowMs })
    })
    const { gone: _, ...changed } = withKeys(before, keys, {
      nowMs,
      paramOf: (at, field) => paramOf(inputs[at]?.index ?? at, field),
    })
    return { provider, revision: ulid(), settings: settingsFrom(request, found?.settings, nowMs), ...changed }
  }

  #isPresent(provider: ProviderName, document: ProviderDocument | undefined): boolean {
    return document?.settings !== undefined || this.#deps.sources.environment[provider].length > 0
  }

  #audit(by: Administrator, action: string, target: string, detail: Record<string, unknown>): Promise<void> {
    const { actor, requestId } = by
    return this.#deps.audit({ actor, requestId, action, target, detail, atMs: this.#now() })
  }
}

/** Of a provider that is not there. */
export const NONE: Pick<ProviderDocument, 'keys' | 'retired'> = { keys: [], retired: [] }

/** A key that is there: by its id, or by its name where no id is given. */
function existingOf(input: ProviderKeyInput, keys: readonly StoredKey[], param: string): StoredKey | undefined {
  if (input.id === undefined) return keys.find(({ name }) => name === input.name)
  const existing = keys.find(({ id }) => id === input.id)
  if (existing !== undefined) return existing
  throw new ProblemError('invalid_request', `${param} is no key of this provider; leave it out for a new one`, {
    param,
  })
}

function same(document: ProviderDocument) {
  return { document, result: document }
}

function summaryOf({ keys, settings }: { keys: readonly StoredKey[]; settings?: StoredSettings | undefined }) {
  return { keys: keys.map(({ name }) => name), base_url: settings?.baseUrl ?? null }
}

function keysMissing(provider: ProviderName, count: number): ProblemError {
  const message = `keys is missing: PUT replaces the whole, and ${provider} has ${count}; send them as GET shows them, or [] to delete them`
  return new ProblemError('missing_parameter', message, { param: 'keys' })
}

function notSetUp(provider: ProviderName): ProblemError {
  return new ProblemError('not_found', `${provider} is not set up; POST /api/providers does that`)
}
