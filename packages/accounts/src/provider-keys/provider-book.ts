import { PROVIDERS, type ProviderName } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { Envelope } from '../envelope/envelope.ts'
import type { KeyReferences } from './key-references.ts'
import type { EnvironmentKeys, KeyFault, ProviderKeyEntry, ProviderSettings } from './provider-settings.ts'
import { type ProviderRow, providerChannel, readProviders } from './provider-store.ts'
import { settingsOf } from './settings-of.ts'

/** Makes good what no message told: a subscription may die without a word. */
const REREAD_MS = 15_000

export type ProviderBookDeps = {
  redis: Redis
  /** A connection that may subscribe; whoever opened it closes it, after the book. */
  subscriber: Redis
  prefix: string
  /** Absent without ENCRYPTION_KEYS: then stored literals are faults. */
  envelope: Envelope | undefined
  references: KeyReferences
  environment: EnvironmentKeys
  /** Told when reading fails; the last snapshot stays in use. */
  onError?: (error: unknown) => void
  rereadMs?: number
}

type Page = { revision: string | undefined; settings: ProviderSettings; faults: readonly KeyFault[] }

/**
 * The settings of all providers as last read; follows changes made by any process within a second. While Redis is away
 * the last snapshot stays in use.
 */
export class ProviderBook {
  readonly #deps: ProviderBookDeps
  readonly #listeners = new Set<(provider: ProviderName) => void>()
  readonly #pages: Map<ProviderName, Page>
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  #isStale = false
  #isClosed = false

  constructor(deps: ProviderBookDeps) {
    this.#deps = deps
    this.#pages = new Map(PROVIDERS.map((provider) => [provider, this.#pageOf(provider, undefined)]))
  }

  /** Resolves when the first snapshot is read, which waits as long as the connection does. */
  async start(): Promise<void> {
    const { subscriber, rereadMs = REREAD_MS } = this.#deps
    subscriber.on('message', this.#onMessage)
    subscriber.on('ready', this.#onReady)
    if (subscriber.status === 'ready') this.#onReady()
    if (subscriber.status === 'wait') subscriber.connect().catch(() => undefined)
    this.#timer = setInterval(this.#reread, rereadMs)
    this.#timer.unref()
    await this.refresh()
  }

  settings(provider: ProviderName): ProviderSettings {
    return this.#page(provider).settings
  }

  /** The key that a job was submitted with, retired ones too. */
  byId(provider: ProviderName, keyId: string): ProviderKeyEntry | undefined {
    return this.settings(provider).keys.find(({ id }) => id === keyId)
  }

  /** Keys that this process cannot use; one whose encryption key is missing should keep it from taking work. */
  faults(): readonly KeyFault[] {
    return PROVIDERS.flatMap((provider) => this.#page(provider).faults)
  }

  onChange(listener: (provider: ProviderName) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads again; what changed while it reads is read once more. */
  async refresh(): Promise<void> {
    this.#isStale = true
    this.#reading ??= this.#readWhileStale().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#listeners.clear()
    const { subscriber, prefix } = this.#deps
    subscriber.off('message', this.#onMessage)
    subscriber.off('ready', this.#onReady)
    if (subscriber.status === 'ready') await subscriber.unsubscribe(providerChannel(prefix)).catch(() => undefined)
  }

  readonly #reread = (): void => {
    this.refresh().catch((error: unknown) => this.#deps.onError?.(error))
  }

  readonly #onMessage = (channel: string): void => {
    if (channel === providerChannel(this.#deps.prefix)) this.#reread()
  }

  // Every time the connection is back: what changed meanwhile was told to nobody.
  readonly #onReady = (): void => {
    const { subscriber, prefix, onError } = this.#deps
    subscriber.subscribe(providerChannel(prefix)).then(this.#reread, (error: unknown) => onError?.(error))
  }

  async #readWhileStale(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      for (const row of await readProviders(this.#deps.redis, this.#deps.prefix)) this.#take(row)
    }
  }

  #take(row: ProviderRow): void {
    const { provider } = row
    if (this.#page(provider).revision === row.revision) return
    this.#pages.set(provider, this.#pageOf(provider, row))
    for (const listener of this.#listeners) listener(provider)
  }

  #page(provider: ProviderName): Page {
    return this.#pages.get(provider) ?? this.#pageOf(provider, undefined)
  }

  #pageOf(provider: ProviderName, row: ProviderRow | undefined): Page {
    return { revision: row?.revision, ...settingsOf(provider, row?.document, this.#deps) }
  }
}
