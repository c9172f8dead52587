import { randomFillSync } from 'node:crypto'
import type { JobId } from '@genqueue/contract'
import { ulid } from 'ulid'

/** Random bytes are fetched by the pool: one call to the generator for each of an id's 16 characters is a tenth of an accept. */
const pool = Buffer.alloc(8_192)
let used = pool.length

function randomFraction(): number {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  // A character takes 5 bits of these 8, so every value is as likely as any other.
  const fraction = pool.readUInt8(used) / 256
  used += 1
  return fraction
}

export function newJobId(nowMs: number): JobId {
  return `job_${ulid(nowMs, randomFraction)}`
}
