import { METRICS, PREFIX } from './metric-table.ts'

const SERIES = /_(bucket|sum|count)$/

/** Names with our prefix that stand in a query, a dashboard or a chart and are no metric of ours. */
export function unknownNames(text: string): string[] {
  const used = new Set([...text.matchAll(/\bgenqueue_[a-z][a-z0-9_]*/g)].map(([name]) => name.slice(PREFIX.length)))
  return [...used].filter((name) => !isKnown(name)).sort()
}

function isKnown(name: string): boolean {
  if (Object.hasOwn(METRICS, name)) return true
  const base = name.replace(SERIES, '')
  return base !== name && histogramNames.has(base)
}

const histogramNames: ReadonlySet<string> = new Set(
  Object.entries(METRICS).flatMap(([name, { type }]) => (type === 'histogram' ? [name] : [])),
)
