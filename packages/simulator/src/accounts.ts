const DAY_MS = 24 * 60 * 60 * 1000

/** The newest creates of one model, oldest first, as far back as the rolling window reaches. */
class DailyWindow {
  #times: number[] = []

  count(nowMs: number): number {
    const since = nowMs - DAY_MS
    let gone = 0
    while (gone < this.#times.length && (this.#times[gone] ?? 0) <= since) gone += 1
    if (gone > 0) this.#times = this.#times.slice(gone)
    return this.#times.length
  }

  add(nowMs: number): void {
    this.#times.push(nowMs)
  }
}

export type AccountStatus = 'active' | 'revoked' | 'suspended'

/** One API key with the organization behind it. */
export class Account {
  readonly key: string
  status: AccountStatus = 'active'
  credits: number
  readonly #daily = new Map<string, DailyWindow>()

  constructor(key: string, credits: number) {
    this.key = key
    this.credits = credits
  }

  createdToday(model: string, nowMs: number): number {
    return this.#daily.get(model)?.count(nowMs) ?? 0
  }

  countCreate(model: string, nowMs: number): void {
    let window = this.#daily.get(model)
    if (!window) {
      window = new DailyWindow()
      this.#daily.set(model, window)
    }
    window.add(nowMs)
  }

  modelsUsed(): string[] {
    return [...this.#daily.keys()]
  }
}

/** A limit per model: set for one, for all, or not at all. */
export class Limits {
  readonly #byModel = new Map<string, number>()
  #forAll: number

  constructor(forAll: number | undefined) {
    this.#forAll = forAll ?? Number.POSITIVE_INFINITY
  }

  of(model: string): number {
    return this.#byModel.get(model) ?? this.#forAll
  }

  set(limit: number | undefined, model?: string): void {
    const value = limit ?? Number.POSITIVE_INFINITY
    if (model === undefined) {
      this.#forAll = value
      this.#byModel.clear()
    } else {
      this.#byModel.set(model, value)
    }
  }
}
