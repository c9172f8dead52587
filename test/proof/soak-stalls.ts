import { readFileSync } from 'node:fs'

const LOOK_EVERY_MS = 50
/** Less is the usual unrest of a timer. */
const LEAST_MS = 5

/** For how long the harness and each API, by its URL, could not run between two looks. */
type Look = { fromMs: number; untilMs: number; oursMs: number; apisMs: ReadonlyMap<string, number> }

/**
 * Notes when the machine let the harness or an API stand still, or the harness was busy: a client that waits meanwhile
 * learns nothing about the API. The kernel counts for how long a process was ready and had no processor (schedstat);
 * where it does not, only the harness's own stalls are known.
 */
export class StallWatch {
  readonly #apis: () => Iterable<readonly [url: string, pid: number]>
  readonly #looks: Look[] = []
  readonly #waited = new Map<number, number>()
  readonly #timer: NodeJS.Timeout
  #lookedAtMs = Date.now()

  constructor(apis: () => Iterable<readonly [url: string, pid: number]>) {
    this.#apis = apis
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** For how long within a span either the harness or that API could not run; never more than the span. */
  withinMs(fromMs: number, untilMs: number, api: string): number {
    // In the order of time: from the first that is not over before the span.
    let low = 0
    for (let high = this.#looks.length; low < high; ) {
      const middle = (low + high) >>> 1
      if ((this.#looks[middle]?.untilMs ?? 0) <= fromMs) low = middle + 1
      else high = middle
    }
    let stalledMs = 0
    for (let look = this.#looks[low]; look && look.fromMs < untilMs; low += 1, look = this.#looks[low]) {
      const overlapMs = Math.min(look.untilMs, untilMs) - Math.max(look.fromMs, fromMs)
      stalledMs += Math.min(overlapMs, Math.max(look.oursMs, look.apisMs.get(api) ?? 0))
    }
    return stalledMs
  }

  get totalMs(): number {
    return this.#looks.reduce((total, { oursMs }) => total + oursMs, 0)
  }

  get longestMs(): number {
    return this.#looks.reduce((longest, { oursMs }) => Math.max(longest, oursMs), 0)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const fromMs = this.#lookedAtMs
    const untilMs = Date.now()
    this.#lookedAtMs = untilMs
    const lateMs = untilMs - fromMs - LOOK_EVERY_MS
    const apisMs = new Map<string, number>()
    for (const [url, pid] of this.#apis()) {
      const waitedMs = waitedForProcessorMs(pid)
      const moreMs = waitedMs - (this.#waited.get(pid) ?? waitedMs)
      this.#waited.set(pid, waitedMs)
      if (moreMs >= LEAST_MS) apisMs.set(url, moreMs)
    }
    const oursMs = lateMs >= LEAST_MS ? lateMs : 0
    if (oursMs > 0 || apisMs.size > 0) this.#looks.push({ fromMs, untilMs, oursMs, apisMs })
  }
}

function waitedForProcessorMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    // It has just ended, or this is no Linux.
    return 0
  }
}
