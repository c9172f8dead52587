import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Labels, METRICS, type Metric, type MetricName, type NameOf, PREFIX } from './metric-table.ts'
import { processRegistry } from './process-registry.ts'

/** What code that has something to count is given. */
export type Meter = {
  count<Name extends NameOf<'counter'>>(name: Name, labels: Labels<Name>, by?: number): void
  observe<Name extends NameOf<'histogram'>>(name: Name, labels: Labels<Name>, seconds: number): void
}

/** The metrics of one process; opens nothing. */
export type Metrics = Meter & {
  set<Name extends NameOf<'gauge'>>(name: Name, labels: Labels<Name>, value: number): void
  /** What a gauge said is true no longer. */
  clear(...names: NameOf<'gauge'>[]): void
  /** Runs before each answer to a scraper; what fails in it is left out. */
  onScrape(collect: () => Promise<void>): void
  /** All there is to tell, for a scraper. */
  render(): Promise<{ contentType: string; text: string }>
}

/** Counts in memory what one of the two programs has to tell; the facts of Node itself come with it. */
export function createMetrics(of: 'api' | 'worker'): Metrics {
  const registry = new Registry()
  const counters = new Map<MetricName, Counter>()
  const gauges = new Map<MetricName, Gauge>()
  const histograms = new Map<MetricName, Histogram>()
  // Keys of a const object.
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const metric: Metric = METRICS[name]
    if (metric.of !== of && metric.of !== 'both') continue
    const { type, help, labels, buckets = [], known = {} } = metric
    const options = { name: PREFIX + name, help, labelNames: labels, registers: [registry] }
    if (type === 'counter') {
      const counter = new Counter(options)
      for (const each of combinations(known)) counter.inc(each, 0)
      counters.set(name, counter)
    } else if (type === 'gauge') {
      const gauge = new Gauge(options)
      empty(gauge, name)
      gauges.set(name, gauge)
    } else histograms.set(name, new Histogram({ ...options, buckets: [...buckets] }))
  }
  const collects: (() => Promise<void>)[] = []
  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, labels, seconds) => histograms.get(name)?.observe(labels, seconds),
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    clear(...names) {
      for (const name of names) empty(gauges.get(name), name)
    },
    onScrape: (collect) => collects.push(collect),
    async render() {
      await Promise.allSettled(collects.map((collect) => collect()))
      const texts = await Promise.all([registry.metrics(), processRegistry().metrics()])
      return { contentType: registry.contentType, text: texts.join('\n') }
    },
  }
}

/** It says nothing any more. The library's own `reset` would make it say 0 where there are no labels. */
function empty(gauge: Gauge | undefined, name: MetricName): void {
  if (METRICS[name].labels.length === 0) gauge?.remove()
  else gauge?.reset()
}

/** Every way to give each label one of its values; none where there are no values. */
function combinations(known: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  const labels = Object.entries(known)
  if (labels.length === 0) return []
  return labels.reduce<Record<string, string>[]>(
    (all, [label, values]) => all.flatMap((each) => values.map((value) => ({ ...each, [label]: value }))),
    [{}],
  )
}
