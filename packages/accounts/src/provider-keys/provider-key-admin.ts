import {
  type DeletedProviderKey,
  ProblemError,
  type ProviderKeyInput,
  type ProviderKeyResource,
  type ProviderName,
} from '@genqueue/contract'
import { ulid } from 'ulid'
import { refuseEnvironmentKey } from './environment-keys.ts'
import { keyFromInput } from './key-from-input.ts'
import { type Administrator, NONE, type ProviderAdminDeps } from './provider-admin.ts'
import type { StoredKey } from './provider-document.ts'
import { keyResources, retiredResources, storedKeyResource } from './provider-resource.ts'
import { settingsFrom } from './settings-from.ts'
import { withKeys } from './with-keys.ts'

/** What administrators do with single keys of a provider; a provider that is not set up becomes so with its first. */
export class ProviderKeyAdmin {
  readonly #deps: ProviderAdminDeps
  readonly #now: () => number

  constructor(deps: ProviderAdminDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
  }

  async list(provider: ProviderName): Promise<ProviderKeyResource[]> {
    return keyResources(provider, await this.#deps.store.read(provider), this.#deps.sources)
  }

  async get(provider: ProviderName, id: string): Promise<ProviderKeyResource> {
    const found = (await this.list(provider)).find((key) => key.id === id)
    if (found === undefined) throw noSuchKey(provider)
    return found
  }

  async add(provider: ProviderName, input: ProviderKeyInput, by: Administrator): Promise<ProviderKeyResource> {
    if (input.id !== undefined) {
      throw new ProblemError('invalid_request', 'id is given to a new key, not taken; leave it out', { param: 'id' })
    }
    const key = await this.#changeKeys(provider, (keys, made) => {
      const added = made(input, undefined)
      return { keys: [...keys, added], result: added }
    })
    await this.#audit(by, 'provider_key.create', `${provider}/${key.result.id}`, { name: key.result.name })
    return storedKeyResource(key.result, this.#deps.sources)
  }

  async replace(
    provider: ProviderName,
    id: string,
    input: ProviderKeyInput,
    by: Administrator,
  ): Promise<ProviderKeyResource> {
    this.#refuseEnvironment(provider, id)
    if (input.id !== undefined && input.id !== id) {
      throw new ProblemError('invalid_request', `id must be ${id}, as in the address`, { param: 'id' })
    }
    const { result, gone } = await this.#changeKeys(provider, (keys, made) => {
      const existing = keys.find((key) => key.id === id)
      if (existing === undefined) throw noSuchKey(provider)
      const replaced = made(input, existing)
      return { keys: keys.map((key) => (key === existing ? replaced : key)), result: replaced }
    })
    const detail = { name: result.name, enabled: result.enabled, new_value: gone.length > 0 }
    await this.#audit(by, 'provider_key.replace', `${provider}/${id}`, detail)
    return storedKeyResource(result, this.#deps.sources)
  }

  async remove(provider: ProviderName, id: string, by: Administrator): Promise<DeletedProviderKey> {
    this.#refuseEnvironment(provider, id)
    const { result, gone } = await this.#changeKeys(provider, (keys) => {
      const removed = keys.find((key) => key.id === id)
      if (removed === undefined) throw noSuchKey(provider)
      return { keys: keys.filter((key) => key !== removed), result: removed }
    })
    const retired = await retiredResources(gone, this.#deps)
    await this.#audit(by, 'provider_key.delete', `${provider}/${id}`, { name: result.name })
    return { id, object: 'provider_key', deleted: true, retired }
  }

  #changeKeys<Result>(
    provider: ProviderName,
    change: (
      keys: readonly StoredKey[],
      made: (input: ProviderKeyInput, existing: StoredKey | undefined) => StoredKey,
    ) => { keys: readonly StoredKey[]; result: Result },
  ) {
    const nowMs = this.#now()
    const { sources } = this.#deps
    return this.#deps.store.update(provider, (found) => {
      const { keys, result } = change(found?.keys ?? [], (input, existing) =>
        keyFromInput(input, existing, (field) => field, { provider, sources, nowMs }),
      )
      const { gone, ...changed } = withKeys(found ?? NONE, keys, { nowMs, paramOf: (_index, field) => field })
      const settings = { ...(found?.settings ?? settingsFrom({}, undefined, nowMs)), updatedAtMs: nowMs }
      return { document: { provider, revision: ulid(), settings, ...changed }, result: { result, gone } }
    })
  }

  #refuseEnvironment(provider: ProviderName, id: string): void {
    const found = keyResources(provider, undefined, this.#deps.sources).find((key) => key.id === id)
    if (found !== undefined) throw refuseEnvironmentKey('id', found.name)
  }

  #audit(by: Administrator, action: string, target: string, detail: Record<string, unknown>): Promise<void> {
    const { actor, requestId } = by
    return this.#deps.audit({ actor, requestId, action, target, detail, atMs: this.#now() })
  }
}

function noSuchKey(provider: ProviderName): ProblemError {
  return new ProblemError('not_found', `There is no such key; GET /api/providers/${provider}/keys lists them`)
}
