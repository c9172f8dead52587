import type { JobRecord, Keys } from '@genqueue/jobs'
import type { PreparedInput } from '@genqueue/providers'
import type { Redis } from 'ioredis'
import { z } from 'zod'

const Kept = z.object({ value: z.string(), atMs: z.number() })
type Kept = z.infer<typeof Kept>

type UploadedInputsDeps = { redis: Redis; keys: Pick<Keys, 'prefix'>; speed: number; now: () => number }

/**
 * What the vendor's account behind a provider key holds already, by the hash of the bytes: a file is uploaded once, not
 * for every job and create. Forgotten before the vendor does.
 */
export class UploadedInputs {
  readonly #deps: UploadedInputsDeps
  readonly #underWay = new Map<string, Promise<PreparedInput>>()

  constructor(deps: UploadedInputsDeps) {
    this.#deps = deps
  }

  /** The vendor's value for an input; calls `upload` unless one that is still to be trusted is known. */
  async prepared(
    { keyId, sha256, trustedSinceMs }: { keyId: string; sha256: string; trustedSinceMs: number },
    upload: () => Promise<PreparedInput>,
  ): Promise<PreparedInput> {
    const { redis, keys } = this.#deps
    const name = `${keys.prefix}:uploaded:${keyId}:${sha256}`
    const kept = readKept(await redis.get(name))
    if (kept && kept.atMs > trustedSinceMs) return { kind: 'ready', value: kept.value }
    // Jobs with the same file that come at once wait for one upload.
    const underWay = this.#underWay.get(name)
    if (underWay) return underWay
    const work = this.#renew(name, upload).finally(() => this.#underWay.delete(name))
    this.#underWay.set(name, work)
    return work
  }

  async #renew(name: string, upload: () => Promise<PreparedInput>): Promise<PreparedInput> {
    const { redis, speed, now } = this.#deps
    // Should the upload fail, nobody else is to rely on what is not trusted any more.
    await redis.del(name)
    const atMs = now()
    const prepared = await upload()
    if (prepared.kind === 'ready' && prepared.reusableMs !== undefined) {
      const text = JSON.stringify({ value: prepared.value, atMs } satisfies Kept)
      await redis.set(name, text, 'PX', Math.ceil(prepared.reusableMs / speed))
    }
    return prepared
  }
}

function readKept(text: string | null): Kept | undefined {
  return text === null ? undefined : Kept.parse(JSON.parse(text))
}

/** What was uploaded up to this time is not trusted for the job. */
export function trustedSinceMs(job: JobRecord): number {
  // A repeated create cannot go back for a new upload when the vendor has forgotten the old one.
  if (job.status !== 'queued') return Number.POSITIVE_INFINITY
  const wasMissed = job.submits > 0 && job.waiting?.reason === 'input_upload'
  if (!wasMissed) return 0
  // Another job may have brought it meanwhile; after a second miss no clock is relied on.
  return job.submits === 1 ? (job.times.submitting ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
}
