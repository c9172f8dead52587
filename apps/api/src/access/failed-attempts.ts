import { isIPv6 } from 'node:net'

const WINDOW_MS = 60_000
const MAX_FAILURES = 20
const MAX_ADDRESSES = 10_000
/** Keys that Redis may still be asked about in a second for all addresses over the limit: a good one among them passes. */
const ASKS_A_SECOND = 20

/** Counts, for this process, who failed to authenticate how often in the last minute. */
export class FailedAttempts {
  readonly #now: () => number
  /** When each address failed, at most as often as it may; the address that failed longest ago comes first. */
  readonly #failures = new Map<string, readonly number[]>()
  #asks = { second: 0, count: 0 }

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  note(address: string): void {
    const client = clientOf(address)
    const recent = [...this.#recent(client), this.#now()].slice(-MAX_FAILURES)
    this.#failures.delete(client)
    this.#failures.set(client, recent)
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > MAX_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest)
  }

  /** How long the address has to wait; 0 while it is under the limit. */
  waitMs(address: string): number {
    const recent = this.#recent(clientOf(address))
    const [first = 0] = recent
    return recent.length < MAX_FAILURES ? 0 : first + WINDOW_MS - this.#now()
  }

  /** Whether a key from an address over the limit may be asked about all the same. */
  mayAsk(): boolean {
    const second = Math.floor(this.#now() / 1000)
    if (this.#asks.second !== second) this.#asks = { second, count: 0 }
    this.#asks.count += 1
    return this.#asks.count <= ASKS_A_SECOND
  }

  #recent(client: string): readonly number[] {
    const since = this.#now() - WINDOW_MS
    return (this.#failures.get(client) ?? []).filter((atMs) => atMs > since)
  }
}

/** One who has an IPv6 address usually has the 2^64 of its network. */
function clientOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - last.length)
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...last]
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
