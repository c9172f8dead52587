import type { ProviderKeyEntry } from '@genqueue/accounts'
import type { ProviderName, VendorLimits } from '@genqueue/contract'
import { isDaySpent, type KeyLimits, type KeyRests, type LimitsSnapshot } from '@genqueue/jobs'
import type { LimitsOutcome, Provider } from '@genqueue/providers'
import { isUsable, type KeyBook } from './key-ring.ts'
import type { Log } from './log.ts'

const INTERVAL_MS = 60_000
/** How often each worker looks whether another has learned something. */
const READ_MS = 5_000
/** While asking fails, it is done more and more rarely. */
const LONGEST_INTERVAL_MS = 600_000
/** For how long limits are believed while the vendor cannot be asked. */
const KEEP_MS = 86_400_000
const LEASE_MARGIN_MS = 1_000
const FIRST_READ_MS = 50
/** A rest lasts until the next answer is there, which renews it. */
const REST_SHARE = 1.5

export type LimitsWatchDeps = {
  name: ProviderName
  provider: () => Provider
  book: KeyBook & { onChange(listener: (provider: ProviderName) => void): () => void }
  limits: KeyLimits
  rests: KeyRests
  timeoutMs: () => number
  /** Divides planned waits; 1 outside of demos and tests. */
  speed: number
  log: Log
  now: () => number
  random: () => number
}

/**
 * Knows what the vendor says of the limits of each key: one process at a time asks, all read what it stored. Work never
 * depends on it: when asking fails the last answer counts, and without any there is no limit but the vendor's own.
 */
export class LimitsWatch {
  readonly #deps: LimitsWatchDeps
  readonly #known = new Map<string, LimitsSnapshot | undefined>()
  readonly #looks = new Map<string, Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined
  #stopped = false

  constructor(deps: LimitsWatchDeps) {
    this.#deps = deps
  }

  start(): void {
    const { book, name, speed } = this.#deps
    if (!this.#deps.provider().limits) return
    this.#unsubscribe = book.onChange((provider) => {
      if (provider === name) this.#lookAtAll()
    })
    this.#timer = setInterval(() => this.#lookAtAll(), READ_MS / speed)
    this.#lookAtAll()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#unsubscribe?.()
    await Promise.all(this.#looks.values())
  }

  /** What is known of a key; a key that nobody has asked about yet is waited for, as long as one request may take. */
  async of(keyId: string): Promise<VendorLimits | undefined> {
    if (!this.#known.has(keyId)) {
      const entry = this.#entries().find(({ id }) => id === keyId)
      if (entry) await this.#look(entry)
    }
    return this.#known.get(keyId)?.limits
  }

  #entries(): readonly ProviderKeyEntry[] {
    const { book, name, provider } = this.#deps
    return provider().limits ? book.settings(name).keys.filter(isUsable) : []
  }

  #lookAtAll(): void {
    const entries = this.#entries()
    const ids = new Set(entries.map(({ id }) => id))
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
    for (const entry of entries) this.#look(entry)
  }

  /** One look at a key at a time; never rejects. */
  #look(entry: ProviderKeyEntry): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    const running = this.#looks.get(entry.id)
    if (running) return running
    const look = this.#read(entry)
      .catch((error) => this.#deps.log.warn({ err: error, keyId: entry.id }, 'reading limits failed'))
      .finally(() => this.#looks.delete(entry.id))
    this.#looks.set(entry.id, look)
    return look
  }

  async #read(entry: ProviderKeyEntry): Promise<void> {
    const { limits, timeoutMs, now } = this.#deps
    const isFirst = !this.#known.has(entry.id)
    const giveUpAtMs = now() + timeoutMs()
    for (;;) {
      const stored = await limits.read(entry.id)
      if (await limits.lease(entry.id, timeoutMs() + LEASE_MARGIN_MS)) return this.#ask(entry, stored)
      if (stored || !isFirst || this.#stopped || now() > giveUpAtMs) {
        this.#known.set(entry.id, stored)
        return
      }
      // Another worker asks about a key that is new to all.
      await new Promise((resolve) => setTimeout(resolve, FIRST_READ_MS))
    }
  }

  async #ask(entry: ProviderKeyEntry, before: LimitsSnapshot | undefined): Promise<void> {
    const { provider, limits, timeoutMs, speed, now, random } = this.#deps
    const call = { key: entry.value, signal: AbortSignal.timeout(timeoutMs()) }
    const outcome = (await provider().limits?.(call)) ?? NOT_TOLD
    const snapshot = this.#snapshotAfter(entry, before, outcome)
    const failingMs = snapshot.failure ? (now() - snapshot.failure.sinceMs) * speed : 0
    const intervalMs = Math.min(LONGEST_INTERVAL_MS, Math.max(INTERVAL_MS, failingMs))
    const holdMs = (intervalMs * (0.9 + 0.2 * random())) / speed
    this.#known.set(entry.id, snapshot)
    await limits.write(entry.id, snapshot, { holdMs, keepMs: KEEP_MS })
    if (outcome.kind === 'known') await this.#restSpent(entry, outcome.limits, (holdMs + READ_MS / speed) * REST_SHARE)
  }

  #snapshotAfter(
    { id: keyId, name }: ProviderKeyEntry,
    before: LimitsSnapshot | undefined,
    outcome: LimitsOutcome,
  ): LimitsSnapshot {
    const { log, now } = this.#deps
    if (outcome.kind === 'known') {
      if (before?.failure) log.info({ keyId, name }, 'limits of a provider key are read again')
      return { limits: outcome.limits, readAtMs: now() }
    }
    const { reason, detail } = outcome
    if (!before?.failure) log.warn({ keyId, name, reason, detail }, 'limits of a provider key cannot be read')
    const failure = { detail: `${reason}: ${detail}`, sinceMs: before?.failure?.sinceMs ?? now() }
    const { limits, readAtMs = 0 } = before ?? {}
    return limits && now() - readAtMs < KEEP_MS ? { limits, readAtMs, failure } : { failure }
  }

  /** What is used up rests before a job finds out; the next answer renews the rest, or lets it end. */
  async #restSpent({ id: keyId, name }: ProviderKeyEntry, told: VendorLimits, restMs: number): Promise<void> {
    const { rests, book, log } = this.#deps
    const manual = book.settings(this.#deps.name).limits
    const options = { restMs, reason: 'quota_exceeded' }
    if (told.credits !== null && told.credits <= 0) {
      const { isNew } = await rests.rest(keyId, undefined, options)
      if (isNew) log.error({ keyId, name, reason: 'no credits' }, 'provider key rests')
    }
    for (const model of Object.keys(told.models).filter((each) => isDaySpent(each, manual, told))) {
      const { isNew } = await rests.rest(keyId, model, options)
      if (isNew) log.warn({ keyId, name, model, reason: 'daily limit' }, 'provider key rests')
    }
  }
}

const NOT_TOLD: LimitsOutcome = { kind: 'error', reason: 'protocol', detail: 'The vendor does not tell' }
