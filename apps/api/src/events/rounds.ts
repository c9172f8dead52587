/**
 * Visits every member once in a period, for the first time a period after it came. Members come at different moments,
 * so many of them make no burst. Costs no timer while there are none.
 */
export class Rounds<Member> {
  readonly #everyMs: number
  readonly #visit: (members: readonly Member[]) => void
  /** Slots of the period that are still to come, and the one that was visited last and takes newcomers. */
  readonly #coming: Set<Member>[]
  #last = new Set<Member>()
  #size = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: { periodMs: number; slots: number; visit: (members: readonly Member[]) => void }) {
    const { periodMs, slots, visit } = options
    this.#everyMs = periodMs / slots
    this.#visit = visit
    this.#coming = Array.from({ length: slots - 1 }, () => new Set<Member>())
  }

  get size(): number {
    return this.#size
  }

  /** Returns how to leave. */
  add(member: Member): () => void {
    const slot = this.#last
    if (!slot.has(member)) this.#size += 1
    slot.add(member)
    this.#timer ??= setInterval(() => this.#turn(), this.#everyMs)
    return () => {
      if (!slot.delete(member)) return
      this.#size -= 1
      if (this.#size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #turn(): void {
    this.#coming.push(this.#last)
    this.#last = this.#coming.shift() ?? this.#last
    if (this.#last.size > 0) this.#visit([...this.#last])
  }
}
