/** What a W3C `traceparent` says: which trace, which of its steps, and whether the trace is recorded. */
export type TraceContext = { traceId: string; spanId: string; flags: number }

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NOTHING = /^0+$/
const MAX_CHARS = 256

/** Undefined where it is none, as the standard has it: such a header is as good as absent. */
export function readTraceparent(text: string | null | undefined): TraceContext | undefined {
  if (typeof text !== 'string' || text.length > MAX_CHARS) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(text) ?? []
  // Later versions begin like this one, and may say more behind it.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & 1 }
}

/** Always 55 characters. */
export function writeTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-0${flags & 1}`
}
