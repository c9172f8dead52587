/** How long what was read is believed while changes are heard of; only a safety net, for nothing tells of a lost message. */
const HEARING_MS = 30_000
/** And while they are not. */
const DEAF_MS = 500
/** How long it is believed that there is no such thing. */
const MISSING_MS = 5_000
const MAX_ENTRIES = 10_000
const MAX_MISSING = 1_000

type Entry<Value> = { value: Value; readMs: number }

export type FreshCacheOptions<Value> = {
  load: (id: string) => Promise<Value | undefined>
  /** Whether changes are heard of at this moment. */
  isHearing: () => boolean
  now?: () => number
  maxEntries?: number
}

/** What was read a moment ago, for the whole process: bounded, read once for all who ask together, dropped when told. */
export class FreshCache<Value> {
  readonly #options: Required<FreshCacheOptions<Value>>
  // Maps keep the order of insertion: the first is the one that was read longest ago.
  readonly #found = new Map<string, Entry<Value>>()
  readonly #missing = new Map<string, Entry<undefined>>()
  readonly #loading = new Map<string, Promise<Value | undefined>>()

  constructor({ now = Date.now, maxEntries = MAX_ENTRIES, ...options }: FreshCacheOptions<Value>) {
    this.#options = { now, maxEntries, ...options }
  }

  async get(id: string): Promise<Value | undefined> {
    const found = this.#found.get(id)
    if (found && this.#isFresh(found, HEARING_MS)) return found.value
    const missing = this.#missing.get(id)
    if (missing && this.#isFresh(missing, MISSING_MS)) return undefined
    const loading = this.#loading.get(id) ?? this.#load(id)
    return loading
  }

  /** What was last read, however long ago. */
  last(id: string): Value | undefined {
    return this.#found.get(id)?.value
  }

  drop(id: string): void {
    this.#found.delete(id)
    this.#missing.delete(id)
    // What is on its way may have been read before the change: whoever waits gets it, nobody after.
    this.#loading.delete(id)
  }

  clear(): void {
    this.#found.clear()
    this.#missing.clear()
    this.#loading.clear()
  }

  #isFresh({ readMs }: Entry<unknown>, lifeMs: number): boolean {
    const { isHearing, now } = this.#options
    return now() - readMs < (isHearing() ? lifeMs : DEAF_MS)
  }

  #load(id: string): Promise<Value | undefined> {
    const { load, now, maxEntries } = this.#options
    // From when it was asked for: the answer may be as old as that.
    const readMs = now()
    const loading = load(id).then(
      (value) => {
        if (this.#loading.get(id) !== loading) return value
        this.#loading.delete(id)
        this.#found.delete(id)
        this.#missing.delete(id)
        if (value === undefined) put(this.#missing, id, { value, readMs }, MAX_MISSING)
        else put(this.#found, id, { value, readMs }, maxEntries)
        return value
      },
      (error: unknown) => {
        if (this.#loading.get(id) === loading) this.#loading.delete(id)
        throw error
      },
    )
    this.#loading.set(id, loading)
    return loading
  }
}

function put<Item>(map: Map<string, Item>, id: string, item: Item, maxEntries: number): void {
  map.set(id, item)
  const [oldest] = map.keys()
  if (map.size > maxEntries && oldest !== undefined) map.delete(oldest)
}
