import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from './clock.ts'
import { fingerprint } from './seeded.ts'

const MAX_BODY_CHARS = 64 * 1024
const MAX_REMEMBERED_KEYS = 1000

/** How an exchange ended, as far as the simulator could see. */
export type Fate = 'open' | 'answered' | 'dropped' | 'reset' | 'hung' | 'cut' | 'client_closed'

export interface JournalEntry {
  readonly ordinal: number
  readonly atMs: number
  readonly realAtMs: number
  readonly host: string
  readonly method: string
  readonly path: string
  /** As received, except that Authorization is replaced by a fingerprint. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  body: string | undefined
  status: number | undefined
  fate: Fate
}

/** Every request in the order it came; with a limit, the newest ones only. */
export class Journal {
  readonly #clock: Clock
  readonly #limit: number
  readonly #entries: JournalEntry[] = []
  readonly #fingerprints = new Map<string, string>()
  #count = 0

  constructor(clock: Clock, limit = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#limit = limit
  }

  /** A request without a response asks for a socket, which is granted. */
  open(host: string, request: IncomingMessage, response?: ServerResponse): JournalEntry {
    this.#count += 1
    const authorization = request.headers.authorization
    const entry: JournalEntry = {
      ordinal: this.#count,
      atMs: this.#clock.now(),
      realAtMs: Date.now(),
      host,
      method: request.method ?? '',
      path: request.url ?? '',
      headers: authorization
        ? { ...request.headers, authorization: this.#fingerprint(authorization) }
        : { ...request.headers },
      body: undefined,
      status: response ? undefined : 101,
      fate: response ? 'open' : 'answered',
    }
    response?.once('close', () => {
      if (entry.fate !== 'open') return
      if (response.headersSent) entry.status = response.statusCode
      entry.fate = response.writableFinished ? 'answered' : 'client_closed'
    })
    this.#add(entry)
    return entry
  }

  /** What came through a socket that was opened by the request of `opened`. */
  frame(opened: JournalEntry, body: Buffer): void {
    this.#count += 1
    const { host, path, headers } = opened
    const when = { ordinal: this.#count, atMs: this.#clock.now(), realAtMs: Date.now() }
    const entry: JournalEntry = {
      ...when,
      host,
      method: 'FRAME',
      path,
      headers,
      body: '',
      status: 101,
      fate: 'answered',
    }
    recordBody(entry, body)
    this.#add(entry)
  }

  /** Entries with an ordinal above `since`, oldest first. */
  since(since = 0): JournalEntry[] {
    const oldest = this.#count % this.#limit
    const ordered =
      this.#count > this.#limit ? [...this.#entries.slice(oldest), ...this.#entries.slice(0, oldest)] : this.#entries
    return ordered.filter((entry) => entry.ordinal > since)
  }

  clear(): void {
    this.#entries.length = 0
    this.#count = 0
  }

  #add(entry: JournalEntry): void {
    if (this.#entries.length < this.#limit) this.#entries.push(entry)
    else this.#entries[(this.#count - 1) % this.#limit] = entry
  }

  #fingerprint(authorization: string): string {
    let known = this.#fingerprints.get(authorization)
    if (known === undefined) {
      if (this.#fingerprints.size >= MAX_REMEMBERED_KEYS) this.#fingerprints.clear()
      known = `sha256:${fingerprint(authorization)}`
      this.#fingerprints.set(authorization, known)
    }
    return known
  }
}

/** Keeps the start of a body, so that a data URI of megabytes does not stay in memory. */
export function recordBody(entry: JournalEntry, body: Buffer): void {
  entry.body = body.toString('utf8', 0, Math.min(body.length, MAX_BODY_CHARS))
}
