import { FileId } from '@genqueue/contract'
import { newJobId } from '@genqueue/jobs'
import type { Redis } from 'ioredis'
import { z } from 'zod'

/** A file as its hash in Redis says; the bytes lie in storage under `key`. */
export const StoredFile = z.object({
  id: FileId,
  team: z.string(),
  key: z.string(),
  bytes: z.coerce.number(),
  sha256: z.string(),
  contentType: z.string(),
  filename: z.string(),
  purpose: z.string(),
  createdMs: z.coerce.number(),
  expiresMs: z.coerce.number(),
})
export type StoredFile = z.infer<typeof StoredFile>

export type FilePage = { files: StoredFile[]; hasMore: boolean }
export type FileQuery = {
  after?: string | undefined
  limit: number
  order: 'asc' | 'desc'
  purpose?: string | undefined
}

const PAGE = 100
const SWEEP = 100
/** A filter that matches little may look at this many files. */
const MAX_SCANNED = 2_000

/** The inputs that were stored once for many jobs. Their records expire by themselves; `sweep` deletes the bytes. */
export class StoredFiles {
  readonly #redis: Redis
  readonly #prefix: string

  constructor({ redis, prefix }: { redis: Redis; prefix: string }) {
    this.#redis = redis
    this.#prefix = `${prefix}:files`
  }

  async add(file: StoredFile): Promise<void> {
    const { id, ...fields } = file
    const results = await this.#redis
      .multi()
      .hset(this.#record(id), fields)
      .pexpireat(this.#record(id), file.expiresMs)
      .zadd(this.#list(file.team), 0, id)
      .zadd(this.#expiring, file.expiresMs, `${file.team}/${file.key}`)
      .exec()
    for (const [error] of results ?? []) if (error) throw error
  }

  /** Another team's file is as good as none. */
  async get(id: string, team: string): Promise<StoredFile | undefined> {
    const hash = await this.#redis.hgetall(this.#record(id))
    return hash.team === team ? StoredFile.parse({ ...hash, id }) : undefined
  }

  /** A page in order of upload. */
  async list(team: string, { after, limit, order, purpose }: FileQuery): Promise<FilePage> {
    const files: StoredFile[] = []
    let from = after
    for (let scanned = 0; scanned < MAX_SCANNED; ) {
      const ids = await this.#page(team, order, from)
      const found = await Promise.all(ids.map((id) => this.get(id, team)))
      for (const file of found) {
        if (!file || (purpose !== undefined && purpose !== file.purpose)) continue
        if (files.length === limit) return { files, hasMore: true }
        files.push(file)
      }
      if (ids.length < PAGE) return { files, hasMore: false }
      from = ids.at(-1)
      scanned += ids.length
    }
    return { files, hasMore: true }
  }

  async remove(file: StoredFile): Promise<void> {
    await this.#redis
      .multi()
      .del(this.#record(file.id))
      .zrem(this.#list(file.team), file.id)
      .zrem(this.#expiring, `${file.team}/${file.key}`)
      .exec()
  }

  /** Deletes what has expired, and answers how much that was. Repeats harmlessly. */
  async sweep(nowMs: number, deleteObject: (key: string) => Promise<void>): Promise<number> {
    const members = await this.#redis.zrange(this.#expiring, '-inf', String(nowMs), 'BYSCORE', 'LIMIT', 0, SWEEP)
    for (const member of members) {
      const slash = member.indexOf('/')
      const [team, key] = [member.slice(0, slash), member.slice(slash + 1)]
      await deleteObject(key)
      const [, id = ''] = /(file_\w+)/.exec(key) ?? []
      await this.#redis.multi().zrem(this.#list(team), id).zrem(this.#expiring, member).exec()
    }
    return members.length
  }

  #page(team: string, order: FileQuery['order'], after: string | undefined): Promise<string[]> {
    const list = this.#list(team)
    if (order === 'asc') return this.#redis.zrange(list, after ? `(${after}` : '-', '+', 'BYLEX', 'LIMIT', 0, PAGE)
    return this.#redis.zrange(list, after ? `(${after}` : '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, PAGE)
  }

  #record(id: string): string {
    return `${this.#prefix}:record:${id}`
  }

  /** File ids of a team in order of upload, all scores 0. Trimmed by `sweep`. */
  #list(team: string): string {
    return `${this.#prefix}:list:${team}`
  }

  /** `<team>/<storage key>`; score: when the file expires. Trimmed by `sweep`. */
  get #expiring(): string {
    return `${this.#prefix}:expiring`
  }
}

/** Sorts by time like a job's id. */
export function newFileId(nowMs: number): FileId {
  return FileId.parse(newJobId(nowMs).replace('job_', 'file_'))
}
