import type { JobId } from '@genqueue/contract'
import { ulid } from 'ulid'

export function newJobId(nowMs: number): JobId {
  return `job_${ulid(nowMs)}`
}
