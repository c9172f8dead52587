import type { Redis } from 'ioredis'
import { z } from 'zod'

/** About how many entries are kept; Redis drops whole blocks of older ones. */
const MAX_ENTRIES = 10_000

/** What an administrator did. Never a secret: names, ids and settings only. */
export const AuditEntry = z.object({
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.record(z.string(), z.unknown()).optional(),
  requestId: z.string().optional(),
  atMs: z.number(),
})
export type AuditEntry = z.infer<typeof AuditEntry>

/** Notes what an administrator did, after it was done. */
export type Audit = (entry: AuditEntry) => Promise<void>

export type AuditPage = { entries: (AuditEntry & { id: string })[]; hasMore: boolean }

/** The last things that administrators did, in a stream that trims itself. */
export class AuditLog {
  readonly #redis: Redis
  readonly #stream: string

  constructor({ redis, prefix }: { redis: Redis; prefix: string }) {
    this.#redis = redis
    this.#stream = `${prefix}:audit`
  }

  async write(entry: AuditEntry): Promise<void> {
    await this.#redis.xadd(this.#stream, 'MAXLEN', '~', MAX_ENTRIES, '*', 'entry', JSON.stringify(entry))
  }

  /** Newest first; `before` is the id of the oldest entry seen. */
  async list({ limit, before }: { limit: number; before?: string | undefined }): Promise<AuditPage> {
    const from = before === undefined ? '+' : `(${before}`
    const found = await this.#redis.xrevrange(this.#stream, from, '-', 'COUNT', limit + 1)
    const entries = found.map(([id, [, text = '']]) => ({ ...AuditEntry.parse(JSON.parse(text)), id }))
    return { entries: entries.slice(0, limit), hasMore: entries.length > limit }
  }
}
