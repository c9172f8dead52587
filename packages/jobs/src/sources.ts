import type { Cost, JobError } from '@genqueue/contract'

/** What the vendor says of a task that has succeeded. */
export type Generated = {
  sources: readonly string[]
  upstreamStatus: string
  /** Beside each source, where the vendor told more. */
  details?: readonly { id?: string; seed?: string }[] | undefined
  /** Why the rest of the batch is not there. */
  failures?: readonly JobError[] | undefined
  cost?: Cost | undefined
}

/** Stands for a file that the vendor gave in its answer and that is too large for a record: it is to be asked for again. */
export const INLINE_SOURCE = 'inline:'

const MAX_SOURCE_LENGTH = 64 * 1024

/** The addresses as a record may hold them. */
export function storableSources(sources: readonly string[]): string[] {
  return sources.map((source) => (source.length > MAX_SOURCE_LENGTH ? INLINE_SOURCE : source))
}
