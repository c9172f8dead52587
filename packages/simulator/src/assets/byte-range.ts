/** Inclusive on both ends. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** The one range of a Range header; undefined when the whole is meant, `unsatisfiable` when it lies outside. */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match) return undefined
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return undefined
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  return first < size && first <= last ? { first, last } : 'unsatisfiable'
}

/** Whether the ranges together reach from the first byte to the last. */
export function coversAll(ranges: readonly ByteRange[], size: number): boolean {
  let reached = 0
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    if (first > reached) return false
    reached = Math.max(reached, last + 1)
  }
  return reached >= size
}
