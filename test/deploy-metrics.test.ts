import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMetrics, METRICS } from '@genqueue/metrics'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { ROOT } from '../scripts/source-files.ts'

const read = (path: string) => readFile(join(ROOT, path), 'utf8')
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

/** Names of metrics in a query or a chart: ours, and those of Node. */
const namesIn = (text: string) =>
  [...text.matchAll(/\b(?:genqueue|nodejs|process)_[a-z][a-z0-9_]*/g)].map(([name]) => name)

/** What the programs tell, with the series of histograms. */
async function seriesTold(): Promise<ReadonlySet<string>> {
  const texts = await Promise.all((['api', 'worker'] as const).map((of) => createMetrics(of).render()))
  const types = texts.flatMap(({ text }) => [...text.matchAll(/^# TYPE (\w+) (\w+)/gm)])
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  )
}

const Dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  templating: z.object({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  panels: z.array(
    z.object({
      title: z.string(),
      datasource: z.object({ type: z.literal('prometheus'), uid: z.literal('${datasource}') }),
      targets: z.array(z.looseObject({ expr: z.string() })).min(1),
    }),
  ),
})
const Rules = z.object({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Genqueue[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+m$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string() }),
        }),
      ),
    }),
  ),
})

/** Brackets that close, and nothing half written; what a query means only Prometheus can tell. */
function expectWhole(expr: string): void {
  const open: string[] = []
  for (const [char] of expr.replaceAll(/"[^"]*"/g, '').matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(char)) open.push(char)
    else expect(open.pop(), expr).toBe({ ')': '(', ']': '[', '}': '{' }[char])
  }
  expect(open, expr).toEqual([])
}

test('every metric that stands in deploy/ is told by one of the programs', async () => {
  const told = await seriesTold()
  const unknown: string[] = []
  for (const path of await filesBelow('deploy')) {
    const names = namesIn(await readFile(path, 'utf8')).filter(
      (name) => /^genqueue_/.test(name) || /grafana|prometheus/.test(path),
    )
    unknown.push(...names.filter((name) => !told.has(name)).map((name) => `${path}: ${name}`))
  }
  expect(unknown).toEqual([])
  expect(told.has('genqueue_job_oldest_age_seconds')).toBe(true)
})

test('six dashboards can be read, ask for their data source, and show every metric of ours', async () => {
  const paths = await filesBelow('deploy/grafana')
  const dashboards = await Promise.all(
    paths.map(async (path) => Dashboard.parse(JSON.parse(await readFile(path, 'utf8')))),
  )
  expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(6)
  for (const { title, templating, panels } of dashboards) {
    expect(
      templating.list.map(({ name, type }) => [name, type]),
      title,
    ).toEqual([['datasource', 'datasource']])
    for (const { targets } of panels) for (const { expr } of targets) expectWhole(expr)
  }
  const shown = JSON.stringify(dashboards)
  expect(Object.keys(METRICS).filter((name) => !shown.includes(`genqueue_${name}`))).toEqual([])
})

test('every alert can be read, asks for metrics of ours or of Node, and docs/operations.md says what to do', async () => {
  const { groups } = Rules.parse(parse(await read('deploy/prometheus/alerts.yml')))
  const rules = groups.flatMap((group) => group.rules)
  const docs = await read('docs/operations.md')
  expect(rules.length).toBeGreaterThan(10)
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  for (const { alert, expr } of rules) {
    expectWhole(expr)
    expect(namesIn(expr), alert).not.toEqual([])
    expect(docs, alert).toContain(`\`${alert}\``)
  }
})

test('docs/operations.md names every metric with its labels, and no other', async () => {
  const rows = [...(await read('docs/operations.md')).matchAll(/^\| `genqueue_(\w+)` \|([^|]*)\|/gm)]
  const documented = Object.fromEntries(
    rows.map(([, name = '', labels = '']) => [name, [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)]),
  )
  expect(documented).toEqual(
    Object.fromEntries(Object.entries(METRICS).map(([name, { labels }]) => [name, [...labels]])),
  )
})
