import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ajv, type ValidateFunction } from 'ajv'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { ROOT } from '../../scripts/source-files.ts'
import { readTemplate, type Templates } from './go-template.ts'
import { TemplateRun } from './run-template.ts'
import { TEMPLATE_FUNCTIONS } from './template-functions.ts'

const CHART = join(ROOT, 'deploy/helm/genqueue')
const NAMESPACE = 'media'
const RELEASE = 'demo'

const Values = z.record(z.string(), z.unknown())
export type Values = z.infer<typeof Values>

const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
export type Manifest = z.infer<typeof Manifest>

export type Chart = { schema: ValidateFunction; render(values: Values): Manifest[]; notes(values: Values): string }

/** Reads the chart once; renders it as `helm template demo --namespace media` would, in this process. */
export async function readChart(): Promise<Chart> {
  const read = (name: string) => readFile(join(CHART, name), 'utf8')
  const names = (await readdir(join(CHART, 'templates'))).toSorted()
  const templates: Templates = new Map()
  for (const name of names) readTemplate(name, await read(`templates/${name}`), templates)
  const run = new TemplateRun(templates, TEMPLATE_FUNCTIONS)
  const usual = Values.parse(parseYaml(await read('values.yaml')))
  const about = z
    .object({ name: z.string(), version: z.string(), appVersion: z.string() })
    .parse(parseYaml(await read('Chart.yaml')))
  const schema = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
    Values.parse(JSON.parse(await read('values.schema.json'))),
  )
  const contextOf = (values: Values) => {
    const merged = merge(usual, values)
    if (!schema(merged)) throw new Error(`The values are refused:\n${JSON.stringify(schema.errors, null, 2)}`)
    return {
      Values: merged,
      Chart: { Name: about.name, Version: about.version, AppVersion: about.appVersion },
      Release: { Name: RELEASE, Namespace: NAMESPACE, Service: 'Helm' },
    }
  }
  const isManifest = (name: string) => name.endsWith('.yaml')
  return {
    schema,
    render: (values) => {
      const context = contextOf(values)
      return manifestsOf(names.filter(isManifest).map((name) => run.run(name, context)))
    },
    notes: (values) => run.run('NOTES.txt', contextOf(values)),
  }
}

/** What a real Helm, at the path `helm`, makes of a file of values. */
export async function renderByHelm(helm: string, valuesPath: string): Promise<Manifest[]> {
  const args = ['template', RELEASE, CHART, '--namespace', NAMESPACE, '-f', valuesPath]
  const { stdout } = await promisify(execFile)(helm, args)
  return manifestsOf([stdout])
}

/** Kubernetes reads YAML 1.1, where `yes` and `on` are no strings. */
export function parseYaml(text: string): unknown {
  return parse(text, { version: '1.1' })
}

function manifestsOf(texts: readonly string[]): Manifest[] {
  const key = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`
  return texts
    .flatMap((text) => parseAllDocuments(text, { version: '1.1' }))
    .map((document) => {
      for (const error of document.errors) throw error
      return z.unknown().parse(document.toJS())
    })
    .filter((document) => document !== null)
    .map((document) => Manifest.parse(document))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** Maps are merged, and null takes a key away, as Helm does. */
function merge(usual: Values, given: Values): Values {
  const merged: Values = { ...usual }
  for (const [name, value] of Object.entries(given)) {
    const [below, above] = [Values.safeParse(merged[name]), Values.safeParse(value)]
    if (value === null) delete merged[name]
    else merged[name] = below.success && above.success ? merge(below.data, above.data) : value
  }
  return merged
}
