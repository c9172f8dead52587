import type { IncomingHttpHeaders } from 'node:http'
import type { Fault } from './faults.ts'
import type { S3ErrorCode } from './s3-error.ts'
import type { Operation } from './s3-request.ts'

/** One request as the store saw it. */
export interface JournalEntry {
  readonly atMs: number
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  operation?: Operation
  key?: string
  fault?: Fault['kind']
  /** Body bytes taken from the socket so far, framing included. */
  receivedBytes: number
  /** Absent while the request runs, and for good where the connection was cut. */
  status?: number
  errorCode?: S3ErrorCode
}

const MAX_ENTRIES = 10_000

export function remember(journal: JournalEntry[], entry: JournalEntry): JournalEntry {
  journal.push(entry)
  if (journal.length > MAX_ENTRIES) journal.shift()
  return entry
}
